"""The operator of a scale's task."""

from openaq_assets.airflow.operator import MaterializeOperator


class WeighOperator(MaterializeOperator):
    """Weighs, in a colour of its own."""

    ui_color = "#ffd700"
