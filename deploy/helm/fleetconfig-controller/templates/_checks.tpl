{{/* What cannot work ends the rendering, all of it at once, each with what to write instead. */}}
{{- define "fleetconfig.check" -}}
{{- if not (hasKey .Values "uninstallGuard") }}
{{- fail "the values of this chart are missing, as `helm upgrade --reuse-values` from upstream's chart leaves them: use --reset-then-reuse-values, or give your values with -f" }}
{{- end }}
{{- $errors := list }}
{{- $image := include "fleetconfig.image" . }}
{{- if contains "open-cluster-management/fleetconfig-controller:" $image }}
{{- $errors = append $errors (printf "the image %s is upstream's controller, which this chart cannot run: remove image.repository, image.tag and imageOverride, or name this operator's image" $image) }}
{{- end }}
{{- if .Values.devspaceEnabled }}
{{- $errors = append $errors "devspaceEnabled: there is no development pod; remove it, and use `cargo xtask up` to develop" }}
{{- end }}
{{- if and .Values.fleetConfig.enabled .Values.watchNamespaces (not (has .Release.Namespace .Values.watchNamespaces)) }}
{{- $errors = append $errors (printf "watchNamespaces does not hold the namespace of the release, %s, in which fleetConfig makes its objects: add it, or set fleetConfig.enabled to false" .Release.Namespace) }}
{{- end }}
{{- if and .Values.fleetConfig.enabled (not .Values.fleetConfig.spokes) (ne .Values.fleetConfig.kind "HubAndSpokes") }}
{{- $errors = append $errors "fleetConfig.spokes is empty; a FleetConfig needs a spoke: name one, or set fleetConfig.kind to HubAndSpokes, or fleetConfig.enabled to false" }}
{{- end }}
{{- $certificate := .Values.admissionWebhooks.certificate }}
{{- if and .Values.admissionWebhooks.enabled (eq $certificate.source "Secret") (not (and $certificate.secretName $certificate.caBundle)) }}
{{- $errors = append $errors "admissionWebhooks.certificate.source is Secret: set secretName to a Secret with tls.crt and tls.key, and caBundle to the PEM of its CA" }}
{{- end }}
{{- if and (gt (int .Values.replicas) 1) (has "--leader-election=false" .Values.extraArgs) }}
{{- $errors = append $errors "extraArgs turns leader election off while replicas is greater than 1: two replicas would do everything twice" }}
{{- end }}
{{- if eq (int .Values.webhookService.port) (int .Values.healthCheck.port) }}
{{- $errors = append $errors "webhookService.port and healthCheck.port are the same port of one pod" }}
{{- end }}
{{- with $errors }}{{ fail (printf "\n- %s\n" (join "\n- " .)) }}{{ end }}
{{- end }}

{{/* Values of upstream's that have no effect here, with what to write instead, as a JSON list. */}}
{{- define "fleetconfig.ignored" -}}
{{- $notes := list }}
{{- $provider := default .Values.kubernetesProvider ((.Values.global | default dict).kubernetesProvider) | default "Generic" }}
{{- if ne (lower $provider) "generic" }}
{{- $notes = append $notes (printf "kubernetesProvider %s changes nothing: there is one image. A kubeconfig with `exec` is refused; put a token or certificates into the Secret. Set fleetConfig.hub.apiServer on EKS and GKE." $provider) }}
{{- end }}
{{- if hasKey .Values "addonMode" }}
{{- if .Values.addonMode }}
{{- $notes = append $notes "addonMode: true changes nothing: OCM's own agent keeps a klusterlet, and no agent of this operator runs on a spoke. Remove it." }}
{{- else }}
{{- $notes = append $notes "addonMode: false keeps klusterlets by their kubeconfigs. Without it OCM's own agent keeps them, and kubeconfigs may be deleted after the join; fleetConfig.spokes[].klusterlet.carrier says it for each spoke." }}
{{- end }}
{{- end }}
{{- if hasKey .Values "enableLegacyControllers" }}
{{- $notes = append $notes "enableLegacyControllers changes nothing: FleetConfigs are always served. Remove it." }}
{{- end }}
{{- if hasKey .Values "kubernetesClusterDomain" }}
{{- $notes = append $notes "kubernetesClusterDomain changes nothing: the webhook is called by a name without it. Remove it." }}
{{- end }}
{{- if (get .Values "cert-manager" | default dict).enabled }}
{{- $notes = append $notes "cert-manager is not part of this chart and not needed. If other programs use the one that upstream's chart has installed, install it by its own chart before you upgrade. Remove the value." }}
{{- end }}
{{- if and (or .Values.certificates.issuerRef .Values.certificates.clusterIssuer.enabled) (ne .Values.admissionWebhooks.certificate.source "CertManager") }}
{{- $notes = append $notes "certificates.* changes nothing while the operator makes the webhook's certificate itself: remove it, or set admissionWebhooks.certificate.source to CertManager." }}
{{- end }}
{{- toJson $notes }}
{{- end }}
