{{/* What all of our pods share. A dict with "root" and "account" ("" for a pod without an account). */}}
{{- define "fleetconfig.podSpec" -}}
{{- $root := .root }}
{{- if .account }}
serviceAccountName: {{ .account }}
automountServiceAccountToken: true
{{- else }}
automountServiceAccountToken: false
{{- end }}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
securityContext: {{ toYaml $root.Values.podSecurityContext | nindent 2 }}
{{- with $root.Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/* A dict with "root" and "args". */}}
{{- define "fleetconfig.container" -}}
image: {{ include "fleetconfig.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args:
{{- range .args }}
  - {{ . | quote }}
{{- end }}
securityContext: {{ toYaml .root.Values.containerSecurityContext | nindent 2 }}
{{- end }}

{{/* Requests and limits of pods that run for a moment. */}}
{{- define "fleetconfig.smallResources" -}}
resources:
  requests: {cpu: 10m, memory: 32Mi}
  limits: {memory: 128Mi}
{{- end }}

{{- define "fleetconfig.proxyEnv" -}}
{{- with .Values.proxy }}
{{- if .httpsProxy }}
- {name: HTTPS_PROXY, value: {{ .httpsProxy | quote }}}
{{- end }}
{{- if .httpProxy }}
- {name: HTTP_PROXY, value: {{ .httpProxy | quote }}}
{{- end }}
{{- if or .httpsProxy .httpProxy }}
- {name: NO_PROXY, value: {{ list "$(KUBERNETES_SERVICE_HOST)" "kubernetes.default.svc" .noProxy | compact | join "," | quote }}}
{{- end }}
{{- end }}
{{- end }}
