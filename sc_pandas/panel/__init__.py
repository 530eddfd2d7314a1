"""The live filter panel; the widgets are loaded when a panel is opened."""
