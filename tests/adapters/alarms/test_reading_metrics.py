"""What is read of files and servers, and what is measured here."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from finq_predictor.adapters.alarms.measuring import certificate_gauge, disk_gauge, gather, metric_files
from finq_predictor.adapters.alarms.reading import metrics_key, scrape
from finq_predictor.adapters.alarms.settings import Target
from finq_predictor.adapters.http.hosts import Hosts
from finq_predictor.adapters.prometheus_text import prometheus_text
from finq_predictor.domain.alarms.samples import labels_of
from finq_predictor.domain.errors import ConfigurationError

PAGE = b'# HELP finq_ready R.\n# TYPE finq_ready gauge\nfinq_ready 1.0\nfinq_model_age_ratio{market="a"} 0.5\n'


@pytest.fixture
def api():
    """A server that tells metrics; `status` and `page` can be changed."""

    class Handler(BaseHTTPRequestHandler):
        status, page, keys = 200, PAGE, []

        def do_GET(self):
            Handler.keys.append(self.headers.get("Authorization"))
            self.send_response(Handler.status)
            self.send_header("Content-Length", str(len(Handler.page)))
            self.end_headers()
            self.wfile.write(Handler.page)

        def log_message(self, *about):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    Handler.url = f"http://127.0.0.1:{server.server_address[1]}/metrics"
    yield Handler
    server.shutdown()
    server.server_close()


def up_of(found, url):
    return found.samples["up"][labels_of({"job": "finq-api", "instance": url.split("/")[2]})]


def test_files_and_servers_are_one_scrape(tmp_path, api):
    file = tmp_path / "finq_monitoring_a.prom"
    file.write_text('finq_data_stale_status{market="a",layer="gold",pipeline="features"} 1\n')
    os.utime(file, (1000, 1000))
    found = scrape(
        5.0, {file.name: file, "b.prom": tmp_path / "not_there.prom"}, [Target(url=api.url)], hosts=Hosts()
    ).scrape
    assert up_of(found, api.url) == 1.0
    assert found.samples["finq_ready"] == {labels_of({"instance": api.url.split("/")[2]}): 1.0}
    assert list(found.samples["finq_data_stale_status"].values()) == [1.0]
    assert found.samples["node_textfile_mtime_seconds"] == {labels_of({"file": file.name}): 1000.0}


@pytest.mark.parametrize(
    ("status", "page"), [(500, b""), (200, b"<html>hello</html>"), (200, b"\xff\xfe"), (404, b"nothing here")]
)
def test_a_server_that_tells_no_metrics_is_down(api, status, page):
    api.status, api.page = status, page
    found = scrape(5.0, {}, [Target(url=api.url)], hosts=Hosts()).scrape
    assert up_of(found, api.url) == 0.0
    assert set(found.samples) == {"up"}


def test_a_server_that_wants_a_key_gets_it_and_no_other_does(api):
    wanting, open_to_all = Target(url=api.url, key=True), Target(url=api.url, job="other")
    key = metrics_key([wanting], {"FINQ_METRICS_KEY": "viewer.key.of.mine"})
    scrape(5.0, {}, [wanting], hosts=Hosts(), key=key)
    scrape(5.0, {}, [open_to_all], hosts=Hosts(), key=key)
    assert api.keys == ["Bearer viewer.key.of.mine", None]
    assert metrics_key([open_to_all], {}) is None
    with pytest.raises(ConfigurationError, match="FINQ_METRICS_KEY"):
        metrics_key([wanting], {})


def test_nobody_there_is_down_and_an_address_that_is_none_is_refused():
    found = scrape(5.0, {}, [Target(url="http://127.0.0.1:9/metrics")], hosts=Hosts()).scrape
    assert list(found.samples["up"].values()) == [0.0]
    with pytest.raises(ConfigurationError, match="expected http://HOST:PORT/metrics"):
        scrape(5.0, {}, [Target(url="127.0.0.1:8000")], hosts=Hosts())


def test_a_damaged_file_is_told_and_the_others_are_read(tmp_path):
    (tmp_path / "a.prom").write_text("finq_ready one\n")
    (tmp_path / "b.prom").write_bytes(b"\xff\xfe")
    (tmp_path / "c.prom").write_text("finq_scheduler_heartbeat_timestamp_seconds 5\n")
    read = scrape(5.0, {file.name: file for file in sorted(tmp_path.iterdir())}, [], gauges=[disk_gauge([tmp_path])])
    assert "a.prom holds no metrics" in read.problems[0]
    assert "b.prom cannot be read" in read.problems[1]
    assert set(read.scrape.samples) == {
        "node_textfile_mtime_seconds",
        "finq_scheduler_heartbeat_timestamp_seconds",
        "finq_disk_free_ratio",
    }
    assert dict(next(iter(read.scrape.samples["node_textfile_mtime_seconds"])))["file"] == "c.prom"


def test_the_disk_is_measured_where_the_folder_will_be(tmp_path):
    ((labels, share),) = disk_gauge([tmp_path / "not" / "yet"]).samples
    usage = os.statvfs(tmp_path)
    assert labels == {"place": str(tmp_path / "not" / "yet")}
    used = usage.f_blocks - usage.f_bfree
    assert share == pytest.approx(usage.f_bavail / (used + usage.f_bavail), abs=0.01)


def test_the_end_of_certificates_is_read(tmp_path):
    file = tmp_path / "finq.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-days", "10"]
    subprocess.run([*words, "-keyout", tmp_path / "key", "-out", file], check=True, capture_output=True, timeout=60)
    gauge = certificate_gauge([str(file), str(tmp_path / "key"), "127.0.0.1:9"])
    ends = {labels["place"]: value for labels, value in gauge.samples}
    expected = (dt.datetime.now(dt.UTC) + dt.timedelta(days=10)).timestamp()
    assert ends[str(file)] == pytest.approx(expected, abs=120)
    assert ends[str(tmp_path / "key")] == ends["127.0.0.1:9"] == 0.0
    with pytest.raises(ConfigurationError, match="neither a file nor HOST:PORT"):
        certificate_gauge(["nowhere.pem"])


def test_gathered_files_keep_the_time_of_monitoring(small_project, tmp_path):
    files = gather(small_project, tmp_path / "metrics", [disk_gauge([small_project])])
    names = [file.name for file in files]
    assert names == ["finq_monitoring_equity.prom", "finq_monitoring_fx.prom", "finq_surroundings.prom"]
    found = scrape(5.0, metric_files(small_project, tmp_path / "metrics"), []).scrape
    assert {dict(labels)["market"] for labels in found.samples["finq_feature_drift_status"]} == {"equity", "fx"}
    first = files[0].stat().st_mtime
    again = gather(small_project, tmp_path / "metrics", [])
    assert again[0].stat().st_mtime == first
    assert prometheus_text([]) == files[2].read_text()
