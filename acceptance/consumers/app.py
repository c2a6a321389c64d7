# Copyright (c) The certagent authors
# SPDX-License-Identifier: MPL-2.0

from flask import Flask

app = Flask(__name__)


@app.route("/")
def hello():
    return "served by gunicorn\n"
