"""The common part of the built-in platforms: choose the method, transform days here, load CSV files."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from openaq_assets.errors import PlatformError
from openaq_assets.graph.environment import Environment
from openaq_assets.graph.operations import CreateView, Load, Operation, Query, Register, Table, Transform
from openaq_assets.graph.records import Facts
from openaq_assets.platforms import NO_HANDLER, Progress, Ticket, cannot_make, failed_ticket, ticket
from openaq_assets.platforms.files import LocalStore
from openaq_assets.platforms.results import version_of
from openaq_assets.platforms.transform.polars_loading import loading_polars


class BasePlatform(ABC):
    """A platform with a method for each type of operation."""

    name: str

    def __init__(self, environment: Environment, objects: LocalStore, progress: Progress) -> None:
        self.environment = environment
        self.objects = objects
        self.progress = progress

    def submit(self, operation: Operation) -> Ticket:
        """Return the ticket of an operation, started or done; a failed one if it raises."""
        methods: Mapping[type, Callable[[Any], Ticket]] = {
            Transform: self._transform,
            Register: self._register,
            Load: self._load,
            CreateView: self._create_view,
            Query: self._query,
        }
        try:
            method = methods.get(type(operation))
            if method is None:
                raise PlatformError(f"{cannot_make(self.name, type(operation).__name__)} {NO_HANDLER}")
            return method(operation)
        except Exception as error:  # noqa: BLE001 - whatever it is, the ticket fails and the run goes on
            return self._failed(error)

    def _failed(self, error: Exception) -> Ticket:
        return failed_ticket(error)

    def _transform(self, operation: Transform) -> Ticket:
        with loading_polars():
            from openaq_assets.platforms.transform.days import transformed

        return ticket("succeeded", transformed(self.objects, operation, self.progress))

    def _register(self, operation: Register) -> Ticket:
        for table in operation.tables:
            self._conform(table)
        return ticket("succeeded", {"": Facts(objects=len(operation.tables))})

    def _load(self, operation: Load) -> Ticket:
        from openaq_assets.platforms.transform.csv import read_csv
        from openaq_assets.platforms.transform.reference_decoder import parquet

        try:
            table = read_csv(operation.csv, operation.columns)
        except ValueError as error:
            raise PlatformError(f"the CSV of {operation.into.asset}, {error}") from None
        body = parquet(table)
        self.objects.put(f"{operation.into.uri}/part-0.parquet", body)
        self._conform(Table(operation.into, operation.columns, False))
        return ticket("succeeded", {"": Facts(table.height, len(body), 1, version_of(body))})

    @abstractmethod
    def _conform(self, table: Table) -> None: ...

    @abstractmethod
    def _create_view(self, operation: CreateView) -> Ticket: ...

    @abstractmethod
    def _query(self, operation: Query) -> Ticket: ...
