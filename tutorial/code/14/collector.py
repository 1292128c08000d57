from http.server import BaseHTTPRequestHandler, HTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        if self.path == "/v1/traces":
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        took = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6
                        print(f"{span.name}: {took:.1f} ms", flush=True)

    def log_message(self, *_):
        pass


HTTPServer(("127.0.0.1", 8001), Collector).serve_forever()
