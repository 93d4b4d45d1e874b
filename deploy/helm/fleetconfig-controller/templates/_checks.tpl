{{/* What cannot work ends the rendering, all of it at once, each with what to write instead. */}}
{{- define "fleetconfig.check" -}}
{{- if not (hasKey .Values "uninstallGuard") }}
{{- fail "the values of this chart are missing, as `helm upgrade --reuse-values` from upstream's chart leaves them: use --reset-then-reuse-values, or give your values with -f" }}
{{- end }}
{{- $errors := list }}
{{- $image := include "fleetconfig.image" . }}
{{- if regexMatch "^quay\\.io/open-cluster-management/fleetconfig-controller([:@]|$)" $image }}
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
{{- $fleet := .Values.fleetConfig }}
{{- if $fleet.enabled }}
{{- if and .Values.topologyResources.enabled (not (and $fleet.hub.kubeconfig.inCluster $fleet.hub.clusterManager.enabled)) }}
{{- $notes = append $notes "topologyResources.enabled changes nothing: its objects are made on a hub with a ClusterManager that is the cluster of this release. Make them on the hub by hand, or set it to false." }}
{{- end }}
{{- if $fleet.hub.force }}
{{- $notes = append $notes "fleetConfig.hub.force changes nothing: there are no checks that may be skipped. Remove it." }}
{{- end }}
{{- if ne (int $fleet.logVerbosity) 0 }}
{{- $notes = append $notes "fleetConfig.logVerbosity changes nothing: it is the verbosity of a program that does not run here. The operator's logs follow logLevel." }}
{{- end }}
{{- if ne (int $fleet.timeout) 300 }}
{{- $notes = append $notes "fleetConfig.timeout is how long a deletion waits for a spoke that does not answer; nothing else has this limit." }}
{{- end }}
{{- if ne $fleet.registrationAuth.driver "csr" }}
{{- $notes = append $notes (printf "fleetConfig.registrationAuth.driver %s is not built yet: the Hub says NotYetSupported, and nothing is done. Set it to csr." $fleet.registrationAuth.driver) }}
{{- end }}
{{- if $fleet.hub.singletonControlPlane.enabled }}
{{- $notes = append $notes "fleetConfig.hub.singletonControlPlane is not built yet: the Hub says NotYetSupported, and nothing is done." }}
{{- end }}
{{- if concat ($fleet.hubAddOns | default list) ($fleet.hub.hubAddOns | default list) (include "fleetconfig.addOnConfigs" . | fromJsonArray) }}
{{- $notes = append $notes "hubAddOns and addOnConfigs are not built yet: the Hub says NotYetSupported in AddonsConfigured, and everything else is done." }}
{{- end }}
{{- $seen := dict }}
{{- range $fleet.spokes }}
{{- $in := .klusterlet | default dict }}
{{- if eq (toString $in.mode) "Hosted" }}{{ $_ := set $seen "hosted" (append ($seen.hosted | default list) .name) }}{{ end }}
{{- if .addOns }}{{ $_ := set $seen "addOns" (append ($seen.addOns | default list) .name) }}{{ end }}
{{- $cleanup := .cleanupConfig | default dict }}
{{- range list "purgeKubeconfigSecret" "purgeAgentNamespace" "forceClusterDrain" }}
{{- if get $cleanup . }}{{ $_ := set $seen . true }}{{ end }}
{{- end }}
{{- end }}
{{- with $seen.hosted }}
{{- $notes = append $notes (printf "klusterlet.mode Hosted is not built yet: these spokes say NotYetSupported, and nothing is done for them: %s." (join ", " .)) }}
{{- end }}
{{- with $seen.addOns }}
{{- $notes = append $notes (printf "spokes[].addOns is not built yet: these spokes say NotYetSupported in AddonsConfigured, and everything else is done: %s." (join ", " .)) }}
{{- end }}
{{- if $seen.purgeKubeconfigSecret }}
{{- $notes = append $notes "spokes[].cleanupConfig.purgeKubeconfigSecret changes nothing: THE SECRETS WITH KUBECONFIGS STAY. When a spoke's PivotComplete is True, its Secret is not needed any more: delete it." }}
{{- end }}
{{- if $seen.purgeAgentNamespace }}
{{- $notes = append $notes "spokes[].cleanupConfig.purgeAgentNamespace changes nothing: OCM removes the agents' namespace with the klusterlet." }}
{{- end }}
{{- if $seen.forceClusterDrain }}
{{- $notes = append $notes "spokes[].cleanupConfig.forceClusterDrain changes nothing: works of others hold a deletion until they are gone." }}
{{- end }}
{{- end }}
{{- toJson $notes }}
{{- end }}
