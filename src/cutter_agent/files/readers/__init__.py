"""Documents in: HTML, XML, DOCX and PDF read to text, with the way back from every line of it."""
