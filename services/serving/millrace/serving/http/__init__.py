"""The HTTP surfaces: Millrace's own for answers and for search, and the Open Inference Protocol v2."""

from fastapi import APIRouter

from millrace.chassis import Database
from millrace.serving.http import inference, predict, search, standing
from millrace.serving.http.vectors import Vectors
from millrace.serving.predictor import Predictor
from millrace.serving.routes import Routes
from millrace.serving.searcher import Searcher
from millrace.serving.settings import Settings


def routers(
    predictor: Predictor, routes: Routes, searcher: Searcher, vectors: Vectors, db: Database, settings: Settings
) -> list[APIRouter]:
    return [
        predict.router(predictor, vectors, settings),
        inference.router(predictor, routes, vectors, settings),
        search.router(searcher, db),
        standing.router(routes, db),
    ]
