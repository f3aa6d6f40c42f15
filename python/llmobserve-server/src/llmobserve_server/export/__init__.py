"""Tables as files for spreadsheets and programs: which columns they have, and how each format writes them."""
