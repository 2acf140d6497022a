"""Programs that serve, raise or log a text of a stranger."""

from __future__ import annotations

HTTP_SERVER = """
import json, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

text, where = json.loads(sys.argv[1]), sys.argv[2]
class Hostile(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        status, body = 400, {"error": text}
        if where == "body":
            status, body = 500, text
        if where == "names" and "/v2" in self.path:
            status, body = 200, {"name": text, "versions": [text], "platform": text, "ready": True, "extensions": [text],
                "inputs": [{"name": text, "datatype": text, "shape": [-1]}],
                "outputs": [{"name": text, "datatype": "FP32", "shape": [-1]}]}
        body = (body if isinstance(body, str) else json.dumps(body)).encode("utf-8", "surrogatepass")
        reason = text.replace("\\r", " ").replace("\\n", " ")[:200].encode("latin1", "replace").decode("latin1")
        self.send_response(status, reason if where == "reason" else "")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
    def log_message(self, *arguments):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
threading.Thread(target=server.serve_forever, daemon=True).start()
open("turnout.yaml", "w").write(
    "models: {m: {backend: triton, backends: {triton: {url: 'http://127.0.0.1:%d', repository: none}}}}" % server.server_port)
from turnout.cli import main
main(sys.argv[3:])
"""
GRPC_SERVER = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
import grpc

text = json.loads(sys.argv[1])
class Hostile(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: context.abort(grpc.StatusCode.INTERNAL, text))
server = grpc.server(ThreadPoolExecutor(4), handlers=[Hostile()])
port = server.add_insecure_port("127.0.0.1:0")
server.start()
open("turnout.yaml", "w").write(
    "models: {m: {backend: triton, backends: {triton: {url: '127.0.0.1:%d', repository: none}}}}" % port)
from turnout.cli import main
main(sys.argv[2:])
"""
FACTORY = """
import json, pathlib, warnings
text = json.loads(pathlib.Path("text.json").read_text())
def make():
    warnings.warn(text)
    raise type(text[:100].replace("\\0", "") or "X", (Exception,), {})(text)
"""
PROGRAM = """
import json, logging, sys
import turnout
from turnout.errors import InferenceError
text = json.loads(sys.argv[1])
logging.basicConfig(format="%(levelname)s %(name)s %(message)s")
log = logging.getLogger("turnout.middleware.outage_log")
log.warning("failed: %s", text)
log.warning("failed: " + text.replace("%", "%%"))
try:
    try:
        raise ValueError(text)
    except ValueError as error:
        raise InferenceError(f"failed: {error}", next_step=text) from error
except InferenceError as error:
    print(error)
    print(repr(error))
    log.error("again", exc_info=False)
    sys.exit(2 if len(sys.argv) > 1 else 0)
"""
PLUGIN = """
import json, logging
text = json.loads({!r})
logging.getLogger("turnout_hostile").warning(text)
raise ImportError(text)
"""
PLUGINS = """
import sys
sys.path.insert(0, "site")
sys.dont_write_bytecode = True
from turnout.cli import main
main(["plugins"])
"""
