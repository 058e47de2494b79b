"""Starting weights made here: trained on worlds that are never reported, packed, with a card."""
