{{- define "finq.name" -}}
{{ printf "%s-%s" .release.Release.Name .part | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "finq.selector" -}}
app.kubernetes.io/name: finq
app.kubernetes.io/instance: {{ .release.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "finq.labels" -}}
{{ include "finq.selector" . }}
app.kubernetes.io/version: {{ .release.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .release.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .release.Chart.Name .release.Chart.Version }}
{{- end }}

{{- define "finq.metadata" -}}
name: {{ include "finq.name" . }}
namespace: {{ .release.Release.Namespace }}
labels:
  {{- include "finq.labels" . | nindent 2 }}
{{- end }}

{{- define "finq.image" -}}
image: {{ printf "%sfinq-%s:%s" .release.Values.image.registry .image (.release.Values.image.tag | default .release.Chart.AppVersion) }}
imagePullPolicy: {{ .release.Values.image.pullPolicy }}
securityContext:
  {{- include "finq.held" . | nindent 2 }}
{{- end }}

{{- define "finq.held" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "finq.pod" -}}
serviceAccountName: {{ include "finq.name" . }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .release.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* What gives and takes snapshots, and what runs pipelines: the same image. */ -}}
{{- define "finq.run-environment" -}}
- {name: KEDRO_ENV, value: {{ .Values.runs.env | quote }}}
{{- range $name, $value := .Values.runs.variables }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- if .Values.backups.url }}
- {name: FINQ_BACKUP_URL, value: {{ .Values.backups.url | quote }}}
{{- end }}
# Where scheduled predictions are stored, and what backups dump.
{{- range list "store_url" "access_url" }}
- name: FINQ_{{ . | upper }}
  valueFrom: {secretKeyRef: {name: {{ $.Values.secrets.name }}, key: {{ . }}}}
{{- end }}
{{- range .Values.secrets.providers }}
- name: {{ . }}
  valueFrom: {secretKeyRef: {name: {{ $.Values.secrets.name }}, key: {{ . | lower }}}}
{{- end }}
{{- end }}

{{- define "finq.run-mounts" -}}
- {name: data, mountPath: /app/data}
- {name: own, mountPath: /var/lib/finq}
{{- end }}

{{- define "finq.run-volumes" -}}
- name: data
  persistentVolumeClaim: {claimName: {{ include "finq.name" (dict "release" . "part" "data") }}}
- name: own
  emptyDir: {sizeLimit: 2Gi}
{{- end }}

{{- define "finq.url" -}}
{{ required "publish.url is empty; give the bucket that runs publish to and the API reads from, such as s3://house/finq" .Values.publish.url | quote }}
{{- end }}
