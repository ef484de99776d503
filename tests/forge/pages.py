"""PDF files of plain lines, with the letters of any language, as small as they can be."""


def pdf_of(pages: list[list[str]]) -> bytes:
    """A PDF with these lines on these pages, from the top."""
    letters = sorted({letter for page in pages for line in page for letter in line})
    codes = {letter: index + 1 for index, letter in enumerate(letters)}
    table = "\n".join(
        f"<{codes[letter]:04X}> <{letter.encode('utf-16-be').hex()}>" for letter in letters
    )
    cmap = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapType 2 def\n"
        "1 begincodespacerange <0000> <FFFF> endcodespacerange\n"
        f"{len(letters)} beginbfchar\n{table}\nendbfchar\nendcmap end end"
    ).encode()
    kids = " ".join(f"{6 + 2 * index} 0 R" for index in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        font(b"/Type0 /Encoding /Identity-H /DescendantFonts [4 0 R] /ToUnicode 5 0 R"),
        font(
            b"/CIDFontType2 /DW 500 /CIDSystemInfo << /Registry (A) /Ordering (I) /Supplement 0 >>"
        ),
        stream(cmap),
    ]
    for index, page in enumerate(pages):
        shown = "".join(
            f"1 0 0 1 50 {780 - 14 * row} Tm <{''.join(f'{codes[c]:04X}' for c in line)}> Tj\n"
            for row, line in enumerate(page)
        )
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {7 + 2 * index} 0 R"
            " /Resources << /Font << /F 3 0 R >> >> >>".encode()
        )
        objects.append(stream(f"BT /F 10 Tf\n{shown}ET".encode()))
    return assembled(objects)


def font(more: bytes) -> bytes:
    """A font object, its kind first."""
    return b"<< /Type /Font /BaseFont /F /Subtype " + more + b" >>"


def stream(data: bytes, more: str = "") -> bytes:
    """A stream object."""
    return f"<< /Length {len(data)} {more} >>\nstream\n".encode() + data + b"\nendstream"


def assembled(objects: list[bytes]) -> bytes:
    """The objects as a file, with its table of where each of them lies."""
    out = b"%PDF-1.7\n"
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    rows = "".join(f"{place:010d} 00000 n \n" for place in places)
    return (
        out
        + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{rows}".encode()
        + f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n".encode()
    )
