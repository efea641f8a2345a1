# SPDX-License-Identifier: Apache-2.0
# boto3 for tests: each line of standard input is a call as JSON, [number, service, operation, parameters], each line of
# standard output its answer, [number, result, error]. Bytes go in and come out as {"$base64": "…"}.
# Arguments: the end point, the region, and a file with the authorities' certificates, or nothing for plain HTTP.
import base64
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.response import StreamingBody


def decode(value):
    return base64.b64decode(value["$base64"]) if set(value) == {"$base64"} else value


def encode(value):
    if isinstance(value, StreamingBody):
        value = value.read()
    if isinstance(value, bytes):
        return {"$base64": base64.b64encode(value).decode()}
    return value.isoformat()


endpoint, region, ca = sys.argv[1:4]
config = Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}, read_timeout=120)
session = boto3.session.Session(region_name=region)
clients = {}


def call(service, operation, parameters):
    if service not in clients:
        clients[service] = session.client(service, endpoint_url=endpoint, config=config, verify=ca or None)
    return getattr(clients[service], operation)(**parameters)


for line in sys.stdin:
    number, service, operation, parameters = json.loads(line, object_hook=decode)
    try:
        answer = [number, call(service, operation, parameters), None]
    except ClientError as error:
        answer = [number, None, {"code": error.response["Error"]["Code"], "message": str(error)}]
    except (BotoCoreError, TypeError, AttributeError) as error:
        answer = [number, None, {"code": type(error).__name__, "message": str(error)}]
    print(json.dumps(answer, default=encode), flush=True)
