"""`nlpseq inspect`: gradient flow, gates, attention and accuracy against distance, as pictures and one page.

Read `report` (the story), then `models` (which models, and texts for them), `views` (what is shown of them) and
`page` (HTML).
"""

from .models import VARIANTS, InspectedModel, find_models
from .report import Inspection, inspect
from .views import PARTS

__all__ = ["PARTS", "VARIANTS", "InspectedModel", "Inspection", "find_models", "inspect"]
