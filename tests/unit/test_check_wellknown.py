"""Names that other libraries have."""

from __future__ import annotations

import pytest

from nativewheel.check.wellknown import is_word, owners


@pytest.mark.parametrize(
    ("symbol", "library"),
    [
        ("inflate", "zlib"),
        ("gzopen", "zlib"),
        ("deflateInit2_", "zlib"),
        ("crc32", "zlib"),
        ("SSL_new", "OpenSSL"),
        ("EVP_DigestInit_ex2", "OpenSSL"),
        ("SHA256", "OpenSSL"),
        ("jpeg_read_header", "libjpeg"),
        ("png_create_read_struct", "libpng"),
        ("sqlite3_open_v2", "SQLite"),
        ("curl_easy_init", "libcurl"),
        ("xmlReadMemory", "libxml2"),
        ("htmlParseDoc", "libxml2"),
        ("XML_ParserCreate", "Expat"),
        ("ffi_call", "libffi"),
        ("FT_New_Face", "FreeType"),
        ("ZSTD_compress", "Zstandard"),
        ("TIFFOpen", "libtiff"),
    ],
)
def test_names_of_well_known_libraries(symbol: str, library: str) -> None:
    assert owners([symbol]) == {symbol: library}


@pytest.mark.parametrize("symbol", ["nt_add", "xmlrpc_call", "my_inflate", "pngwriter", "getName", "NAME_of", "_ZN3png4readEv", "main", "XMLParser"])
def test_other_names(symbol: str) -> None:
    assert owners([symbol]) == {}


@pytest.mark.parametrize(
    ("symbol", "generic"), [("init", True), ("error", True), ("add2", True), ("nt_add", False), ("ntcore", False), ("Init", False)]
)
def test_words(symbol: str, *, generic: bool) -> None:
    assert is_word(symbol, "ntcore") is generic
