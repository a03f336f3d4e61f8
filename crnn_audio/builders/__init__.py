"""From recipes to parts, a module for what all recipes share and one for each kind of them; `build` gathers them."""
