{{/* A job of ours. A dict with "root", "name", "hook" (events, or ""), "weight", "args", "account",
     and optionally "secret" (mounted at /objects) and "retries". */}}
{{- define "fleetconfig.job" -}}
{{- $root := .root }}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .name }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{ include "fleetconfig.labels" $root | nindent 4 }}
    app.kubernetes.io/component: job
  {{- with .hook }}
  annotations:
    helm.sh/hook: {{ . }}
    helm.sh/hook-weight: {{ $.weight | default 0 | quote }}
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
  {{- end }}
spec:
  backoffLimit: {{ hasKey . "retries" | ternary .retries 3 }}
  template:
    metadata:
      labels: {{ include "fleetconfig.labels" $root | nindent 8 }}
        app.kubernetes.io/component: job
        {{- with $root.Values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with $root.Values.podAnnotations }}
      annotations: {{ toYaml . | nindent 8 }}
      {{- end }}
    spec:
      {{- include "fleetconfig.podSpec" (dict "root" $root "account" .account) | nindent 6 }}
      restartPolicy: Never
      containers:
        - name: job
          {{- include "fleetconfig.container" (dict "root" $root "args" .args) | nindent 10 }}
          {{- include "fleetconfig.smallResources" . | nindent 10 }}
          {{- with .secret }}
          volumeMounts:
            - {name: objects, mountPath: /objects, readOnly: true}
      volumes:
        - name: objects
          secret: {secretName: {{ . }}}
          {{- end }}
{{- end }}

{{/* An account with its rights. A dict with "root", "name", "hook", "rules" (YAML) and "kind" (Role or
     ClusterRole). */}}
{{- define "fleetconfig.jobAccount" -}}
{{- $root := .root }}
{{- $hook := .hook }}
{{- $metadata := dict "name" .name "labels" (include "fleetconfig.labels" $root | fromYaml) }}
{{- if .hook }}{{ $_ := set $metadata "annotations" (dict "helm.sh/hook" .hook "helm.sh/hook-weight" "-10" "helm.sh/hook-delete-policy" "before-hook-creation,hook-succeeded") }}{{ end }}
{{- $own := set (deepCopy $metadata) "namespace" $root.Release.Namespace }}
{{- $scoped := eq .kind "Role" | ternary $own $metadata }}
apiVersion: v1
kind: ServiceAccount
metadata: {{ toYaml $own | nindent 2 }}
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}
metadata: {{ toYaml $scoped | nindent 2 }}
rules: {{ .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}Binding
metadata: {{ toYaml $scoped | nindent 2 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: {{ .kind }}, name: {{ .name }}}
subjects: [{kind: ServiceAccount, name: {{ .name }}, namespace: {{ $root.Release.Namespace }}}]
{{- end }}
