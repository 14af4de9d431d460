"""The run directory: its files, its claim by a new or resumed run, and what later commands read there."""

from .directory import RunDirectory as RunDirectory
from .records import BASELINES as BASELINES
from .records import DATA as DATA
from .records import METRICS as METRICS
from .records import RECIPE as RECIPE
from .records import TRAINED_ON as TRAINED_ON
from .records import DataRecord as DataRecord
from .records import finished_metrics as finished_metrics
from .records import missing_key as missing_key
from .records import read_data_record as read_data_record
from .replacement import WRITTEN as WRITTEN
from .stored_recipe import recorded_environment as recorded_environment
from .stored_recipe import recover as recover
from .stored_recipe import stored_recipe as stored_recipe
