"""The HTTP surfaces: Millrace's own, and the Open Inference Protocol v2."""

from fastapi import APIRouter

from millrace.chassis import Database
from millrace.serving.http import inference, predict, standing
from millrace.serving.predictor import Predictor
from millrace.serving.routes import Routes
from millrace.serving.settings import Settings


def routers(predictor: Predictor, routes: Routes, db: Database, settings: Settings) -> list[APIRouter]:
    return [
        predict.router(predictor, settings),
        inference.router(predictor, routes, settings),
        standing.router(routes, db),
    ]
