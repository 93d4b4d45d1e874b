{{- define "fleetconfig.fullname" -}}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}
{{- end }}

{{- define "fleetconfig.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "fleetconfig.fullname" .) .Values.serviceAccount.name }}
{{- else }}{{ required "serviceAccount.name: name an existing ServiceAccount, or set serviceAccount.create" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{/* Labels by which pods of the operator, and no others, are selected. They cannot be changed. */}}
{{- define "fleetconfig.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "fleetconfig.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: {{ .Chart.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* upstream glues imageRegistry to the repository as it is; image.registry takes a slash. */}}
{{- define "fleetconfig.image" -}}
{{- if .Values.imageOverride }}{{ .Values.imageOverride }}
{{- else }}
{{- $image := .Values.image }}
{{- $registry := .Values.imageRegistry }}
{{- if $image.registry }}{{ $registry = printf "%s/" (trimSuffix "/" $image.registry) }}{{ end }}
{{- $version := printf ":%s" (default (printf "v%s" .Chart.AppVersion) $image.tag) }}
{{- if $image.digest }}{{ $version = printf "@%s" $image.digest }}{{ end }}
{{- printf "%s%s%s" $registry $image.repository $version }}
{{- end }}
{{- end }}

{{/* The ValidatingWebhookConfiguration is not called as upstream's, so that an upgrade from there
     takes that one away with its certificate instead of changing it while it is in use. */}}
{{- define "fleetconfig.webhookConfiguration" -}}
{{ include "fleetconfig.fullname" . }}-validation
{{- end }}

{{- define "fleetconfig.webhookSecret" -}}
{{- $certificate := .Values.admissionWebhooks.certificate }}
{{- if eq $certificate.source "CertManager" }}{{ default (printf "%s-webhook-tls" (include "fleetconfig.fullname" .)) $certificate.secretName }}
{{- else }}{{ $certificate.secretName }}{{ end }}
{{- end }}
