{{/* What all objects are named after. */}}
{{- define "plumbline.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "plumbline.serviceAccount" -}}
{{- if .Values.serviceAccount.name -}}
{{- .Values.serviceAccount.name -}}
{{- else if .Values.serviceAccount.create -}}
{{- include "plumbline.name" . -}}
{{- else -}}
default
{{- end -}}
{{- end -}}

{{/* What selects the pods of this release, whatever their queue. */}}
{{- define "plumbline.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "plumbline.labels" -}}
{{ include "plumbline.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* The queues that are enabled, each with the defaults of `worker` filled in: JSON, name -> settings. */}}
{{- define "plumbline.queues" -}}
{{- $queues := dict -}}
{{- range $name, $own := .Values.queues -}}
{{- $queue := mustMergeOverwrite (mustDeepCopy $.Values.worker) (mustDeepCopy (default dict $own)) -}}
{{- if $queue.enabled -}}
{{- $_ := set $queues $name $queue -}}
{{- end -}}
{{- end -}}
{{- mustToJson $queues -}}
{{- end -}}

{{/* The arguments of `plumb worker`: each of the queues, with its slots where that says something. */}}
{{- define "plumbline.queueList" -}}
{{- $slots := .slots -}}
{{- $list := list -}}
{{- range .serves -}}
{{- $list = append $list (ternary . (printf "%s=%d" . (int $slots)) (eq . "workflow")) -}}
{{- end -}}
{{- join "," $list -}}
{{- end -}}

{{/* The name of Temporal's task queue: that of a usual queue is plumb-gpu, another one's is its own. */}}
{{- define "plumbline.taskQueue" -}}
{{- ternary (printf "plumb-%s" .) . (has . (list "workflow" "cpu" "gpu" "label")) -}}
{{- end -}}

{{/* Whether KEDA scales a queue's workers: the ones of the workflows are there anyhow. */}}
{{- define "plumbline.scaled" -}}
{{- if and .root.Values.keda.enabled (not (has "workflow" .queue.serves)) -}}
true
{{- end -}}
{{- end -}}

{{/* The label that makes a pod one of those whose running points count for a queue. */}}
{{- define "plumbline.countsFor" -}}
plumbline.io/counts-for-{{ . }}
{{- end -}}
