"""Experiments: from a recipe to a finished run directory, and from trained models to scores.

Read `run` and `training_run` first. Import what you need from its module: the package imports none of them.

module          | contents
----------------|------------------------------------------------------------------
run             | run a recipe by its name, once or with several seeds
own_data        | data of the user: columns, report, task and settings
train           | plan for own data, fit into a time, and run
time_budget     | how many updates fit into a time
training_run    | one run: check, train, save the model, score, write
evaluate        | score a trained model on a split
comparison_plan | the models of a comparison, and what is made equal
equal_budgets   | models of equal size, and of equal training time
compare         | compare finished runs, or train models and compare them
quickstart      | both quickstart recipes of every task
"""
