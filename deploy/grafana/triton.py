"""The dashboard *Triton*: the servers, by their own metrics and as the apps see them."""

from __future__ import annotations

from deploy.grafana.expressions import SERVER, mean, rate_by, total
from deploy.grafana.frames import TRITON, Frame, Row, Variable
from deploy.grafana.panels import About, Limits, Query, figures, lines, states, switched

NO_SERVER = "no tritonserver is scraped: see the job triton in prometheus.yml"
NO_GPU = "no GPU"
MODEL_LABEL = 'model=~"$model"'
HOST = 'job=~"$job",instance=~"$instance"'
MICROSECONDS = "/ 1e6"

VARIABLES = (
    Variable("job", "Job", "label_values(nv_inference_request_success, job)"),
    Variable("instance", "Instance", 'label_values(up{job=~"$job"}, instance)', all_pattern=".*"),
    Variable(
        "model",
        "Model",
        'label_values(nv_inference_request_success{job=~"$job",instance=~"$instance"}, model)',
        all_pattern=".*",
    ),
)


def _each(part: str) -> str:
    """Return the seconds that a request spent in one part, on average."""
    spent = rate_by("", f"nv_inference_{part}_duration_us{{{SERVER}}}")
    return f"{spent} / {rate_by('', f'nv_inference_request_success{{{SERVER}}}')} {MICROSECONDS}"


def _work() -> Row:
    return Row(
        "Requests",
        (
            lines(
                About("Requests", "Requests a second that the servers answered.", "reqps", NO_SERVER),
                Query(rate_by("model, version", f"nv_inference_request_success{{{SERVER}}}"), "{{model}} version {{version}}"),
            ),
            lines(
                About(
                    "Failures by reason",
                    "Requests a second that the servers failed. REJECTED: the queue was full or the wait too long. CANCELED: "
                    "the caller left. BACKEND: the model raised. OTHER: anything else.",
                    "reqps",
                    NO_SERVER,
                ),
                Query(rate_by("model, reason", f"nv_inference_request_failure{{{SERVER}}}"), "{{model}} {{reason}}"),
            ),
            lines(
                About("Pending", "Requests that wait in the servers' queues.", "short", NO_SERVER),
                Query(total("model", f"nv_inference_pending_request_count{{{SERVER}}}"), "{{model}}"),
            ),
            lines(
                About(
                    "Mean batch",
                    "Rows of one execution. 1 means that nothing was merged: raise max_queue_delay_microseconds, or the load "
                    "is low.",
                    "short",
                    NO_SERVER,
                ),
                Query(
                    f"{rate_by('model', f'nv_inference_count{{{SERVER}}}')} / "
                    f"{rate_by('model', f'nv_inference_exec_count{{{SERVER}}}')}",
                    "{{model}}",
                ),
            ),
            lines(
                About(
                    "Queue share",
                    "The share of a request's time in the server that it waited in the queue. Above a half, add instances or "
                    "servers.",
                    "percentunit",
                    NO_SERVER,
                ),
                Query(
                    f"{rate_by('model', f'nv_inference_queue_duration_us{{{SERVER}}}')} / "
                    f"{rate_by('model', f'nv_inference_request_duration_us{{{SERVER}}}')}",
                    "{{model}}",
                ),
            ),
            lines(
                About(
                    "Where a request's time goes",
                    "The mean of each part over the chosen models. compute input and output copy tensors.",
                    "s",
                    NO_SERVER,
                ),
                Query(_each("queue"), "queue"),
                Query(_each("compute_input"), "compute input"),
                Query(_each("compute_infer"), "compute"),
                Query(_each("compute_output"), "compute output"),
                stacked=True,
            ),
        ),
    )


def _apps() -> Row:
    seen = f'{MODEL_LABEL},backend="triton"'
    server = rate_by("model", f"nv_inference_request_duration_us{{{SERVER}}}")
    answered = rate_by("model", f"nv_inference_request_success{{{SERVER}}}")
    return Row(
        "As the apps see the servers",
        (
            lines(
                About(
                    "Mean time of a request",
                    "Measured by the apps and by the servers; the gap is the network, and the work of both ends.",
                    "s",
                    "no app has called backend triton",
                ),
                Query(mean("model", "turnout_execution_duration_seconds", seen), "{{model}}, app"),
                Query(f"{server} / {answered} {MICROSECONDS}", "{{model}}, server"),
            ),
            states(
                About(
                    "Replicas",
                    "Red while the apps send no requests to a replica. The number is its place in the list of urls.",
                    "short",
                    "no app has opened a model on a server",
                ),
                Query(
                    f"avg by (model, backend, replica) (turnout_replica_up{{{MODEL_LABEL}}})", "{{model}} replica {{replica}}"
                ),
                mappings=switched(("up", "green"), ("out", "red")),
            ),
            lines(
                About(
                    "Bytes",
                    "Bytes a second between apps and servers: over the wire, and through shared memory.",
                    "Bps",
                    "no app has called a server",
                ),
                Query(
                    rate_by("transport, direction", f"turnout_transfer_bytes_total{{{MODEL_LABEL}}}"),
                    "{{transport}} {{direction}}",
                ),
            ),
        ),
    )


def _hosts() -> Row:
    return Row(
        "CPU and GPU of the servers",
        (
            lines(
                About("CPU", "The host's CPU, all cores: 100 % is all of them.", "percentunit", NO_SERVER, width=6),
                Query(f"avg by (instance) (nv_cpu_utilization{{{HOST}}})", "{{instance}}"),
            ),
            lines(
                About("Memory of the host", "Used and total.", "bytes", NO_SERVER, width=6),
                Query(f"max by (instance) (nv_cpu_memory_used_bytes{{{HOST}}})", "{{instance}} used"),
                Query(f"max by (instance) (nv_cpu_memory_total_bytes{{{HOST}}})", "{{instance}} total"),
            ),
            lines(
                About("GPU of the servers", "Utilization of each GPU, by Triton.", "percentunit", NO_GPU, width=6),
                Query(f"max by (instance, gpu_uuid) (nv_gpu_utilization{{{HOST}}})", "{{instance}} {{gpu_uuid}}"),
            ),
            figures(
                About("GPU memory of the servers", "Used memory as a share of the GPU's.", "percentunit", NO_GPU, width=6),
                Query(
                    f"max by (instance, gpu_uuid) (nv_gpu_memory_used_bytes{{{HOST}}} / nv_gpu_memory_total_bytes{{{HOST}}})",
                    "{{instance}} {{gpu_uuid}}",
                ),
                limits=Limits(0.9, 0.97),
            ),
            lines(
                About("GPU power of the servers", "Watts of each GPU, by Triton.", "watt", NO_GPU, width=6),
                Query(f"max by (instance, gpu_uuid) (nv_gpu_power_usage{{{HOST}}})", "{{instance}} {{gpu_uuid}}"),
            ),
            lines(
                About(
                    "GPU of the apps' hosts",
                    "Utilization by the apps: pip install turnout[gpu], and metrics: {gpu: true} in turnout.yaml.",
                    "percentunit",
                    NO_GPU,
                    width=6,
                ),
                Query("max by (instance, gpu) (turnout_gpu_utilization_ratio)", "{{instance}} GPU {{gpu}}"),
            ),
            figures(
                About("GPU memory of the apps' hosts", "Used memory as a share of the GPU's.", "percentunit", NO_GPU, width=6),
                Query(
                    "max by (instance, gpu) (turnout_gpu_memory_used_bytes / turnout_gpu_memory_total_bytes)",
                    "{{instance}} GPU {{gpu}}",
                ),
                limits=Limits(0.9, 0.97),
            ),
            lines(
                About("GPU power of the apps' hosts", "Watts of each GPU.", "watt", NO_GPU, width=6),
                Query("max by (instance, gpu) (turnout_gpu_power_watts)", "{{instance}} GPU {{gpu}}"),
            ),
        ),
    )


TRITON_DASHBOARD = Frame(
    TRITON,
    "Turnout: Triton",
    "The servers by their own metrics, and as the apps see them.",
    VARIABLES,
    (_work(), _apps(), _hosts()),
)
