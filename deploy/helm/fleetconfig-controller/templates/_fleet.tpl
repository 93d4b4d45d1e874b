{{/* The objects that declare the fleet, from the values of both of upstream's layouts. */}}

{{/* FleetConfig, HubAndSpokes or None. A FleetConfig that this release owns stays one. A Hub that a
     FleetConfig has made says nothing; one that this release owns is kept being managed; anybody
     else's is left alone. */}}
{{- define "fleetconfig.mode" -}}
{{- if not .Values.fleetConfig.enabled }}None
{{- else if ne .Values.fleetConfig.kind "Auto" }}{{ .Values.fleetConfig.kind }}
{{- else }}
{{- $ours := false }}
{{- $theirs := false }}
{{- $fleet := false }}
{{- if .Capabilities.APIVersions.Has "fleetconfig.open-cluster-management.io/v1alpha1/FleetConfig" }}
{{- with lookup "fleetconfig.open-cluster-management.io/v1alpha1" "FleetConfig" .Release.Namespace .Values.fleetConfig.name }}
{{- $fleet = eq (index (.metadata.annotations | default dict) "meta.helm.sh/release-name" | default "") $.Release.Name }}
{{- end }}
{{- end }}
{{- if .Capabilities.APIVersions.Has "fleetconfig.open-cluster-management.io/v1beta1/Hub" }}
{{- range (lookup "fleetconfig.open-cluster-management.io/v1beta1" "Hub" .Release.Namespace "").items }}
{{- $composed := false }}
{{- range .metadata.ownerReferences }}{{ if eq .kind "FleetConfig" }}{{ $composed = true }}{{ end }}{{ end }}
{{- if not $composed }}
{{- if eq (index (.metadata.annotations | default dict) "meta.helm.sh/release-name" | default "") $.Release.Name }}{{ $ours = true }}
{{- else }}{{ $theirs = true }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- if $fleet }}FleetConfig{{ else if $ours }}HubAndSpokes{{ else if $theirs }}None{{ else }}FleetConfig{{ end }}
{{- end }}
{{- end }}

{{/* Name of the FleetConfig's hub. It cannot be changed, and a FleetConfig of 2025 has named none, so
     that its hub is called like itself. */}}
{{- define "fleetconfig.hubName" -}}
{{- $fleet := .Values.fleetConfig }}
{{- $name := $fleet.hub.name }}
{{- if .Capabilities.APIVersions.Has "fleetconfig.open-cluster-management.io/v1alpha1/FleetConfig" }}
{{- with lookup "fleetconfig.open-cluster-management.io/v1alpha1" "FleetConfig" .Release.Namespace $fleet.name }}
{{- $name = default .metadata.name .spec.hub.name }}
{{- end }}
{{- end }}
{{- $name }}
{{- end }}

{{/* A mapping without what says nothing: empty texts, lists and mappings. As JSON. */}}
{{- define "fleetconfig.compact" -}}
{{- $out := dict }}
{{- range $key, $value := . }}
{{- $empty := or (kindIs "invalid" $value) (and (not (kindIs "bool" $value)) (not (kindIs "float64" $value)) (not (kindIs "int64" $value)) (empty $value)) }}
{{- if not $empty }}{{ $_ := set $out $key $value }}{{ end }}
{{- end }}
{{- toJson $out }}
{{- end }}

{{/* A release and its registry: each from the last of these that names it. As JSON. */}}
{{- define "fleetconfig.source" -}}
{{- $out := dict }}
{{- range . }}{{ $out = mustMergeOverwrite $out (include "fleetconfig.compact" (. | default dict) | fromJson) }}{{ end }}
{{- toJson $out }}
{{- end }}

{{/* Feature gates as the API has them, from a mapping or from such a text. */}}
{{- define "fleetconfig.gates" -}}
{{- if kindIs "string" . }}{{ . }}
{{- else }}
{{- $gates := list }}
{{- range $name := keys . | sortAlpha }}{{ $gates = append $gates (printf "%s=%v" $name (index $ $name)) }}{{ end }}
{{- join "," $gates }}
{{- end }}
{{- end }}

{{- define "fleetconfig.containerResources" -}}
{{- $out := dict }}
{{- range $key, $value := . }}
{{- if kindIs "map" $value }}
{{- $texts := dict }}
{{- range $name, $quantity := $value }}{{ $_ := set $texts $name (toString $quantity) }}{{ end }}
{{- $value = include "fleetconfig.compact" $texts | fromJson }}
{{- end }}
{{- $_ := set $out $key $value }}
{{- end }}
{{- include "fleetconfig.compact" $out }}
{{- end }}

{{/* A kubeconfig as the API has it. A dict with "root", "mode", "field" and "from". */}}
{{- define "fleetconfig.kubeconfig" -}}
{{- $from := .from | default dict }}
{{- $secret := include "fleetconfig.compact" ($from.secretReference | default dict) | fromJson }}
{{- if and $from.inCluster $secret.name }}{{ fail (printf "%s: inCluster is true and secretReference.name is %q; a cluster is reached in one way: remove one of the two" .field $secret.name) }}{{ end }}
{{- if not (or $from.inCluster $secret.name) }}{{ fail (printf "%s: no way into the cluster; set inCluster: true, or secretReference.name to a Secret with its kubeconfig" .field) }}{{ end }}
{{- $out := dict }}
{{- with $from.context }}{{ $_ := set $out "context" . }}{{ end }}
{{- if $from.inCluster }}{{ $_ := set $out "inCluster" true }}
{{- else }}
{{- $namespace := .root.Release.Namespace }}
{{- if eq .mode "FleetConfig" }}
{{- $_ := set $secret "namespace" (default $namespace $secret.namespace) }}
{{- else if $secret.namespace }}
{{- if ne $secret.namespace $namespace }}{{ fail (printf "%s.secretReference.namespace is %q: Hubs and Spokes take Secrets of their own namespace %q only; move the Secret there, or set fleetConfig.kind: FleetConfig" .field $secret.namespace $namespace) }}{{ end }}
{{- $secret = omit $secret "namespace" }}
{{- end }}
{{- $_ := set $out "secretReference" $secret }}
{{- end }}
{{- toJson $out }}
{{- end }}

{{/* The hub's part that FleetConfig and Hub have in common. A dict with "root" and "mode". */}}
{{- define "fleetconfig.hub" -}}
{{- $fleet := .root.Values.fleetConfig }}
{{- $hub := $fleet.hub }}
{{- $out := dict "createNamespace" $hub.createNamespace "force" $hub.force }}
{{- with $hub.paused }}{{ $_ := set $out "paused" . }}{{ end }}
{{- with $hub.deletionPolicy }}{{ $_ := set $out "deletionPolicy" . }}{{ end }}
{{- with $hub.apiServer }}{{ $_ := set $out "apiServer" . }}{{ end }}
{{- with $hub.ca }}{{ $_ := set $out "ca" . }}{{ end }}
{{- $_ := set $out "kubeconfig" (include "fleetconfig.kubeconfig" (dict "root" .root "mode" .mode "field" "fleetConfig.hub.kubeconfig" "from" $hub.kubeconfig) | fromJson) }}
{{- if $hub.singletonControlPlane.enabled }}
{{- if $hub.clusterManager.enabled }}{{ fail "fleetConfig.hub.singletonControlPlane.enabled and fleetConfig.hub.clusterManager.enabled are both true; a hub is one of the two: set clusterManager.enabled to false" }}{{ end }}
{{- $singleton := dict "name" $hub.singletonControlPlane.name }}
{{- $helm := include "fleetconfig.compact" $hub.singletonControlPlane.helm | fromJson }}
{{- with $helm }}{{ $_ := set $singleton "helm" . }}{{ end }}
{{- $_ := set $out "singleton" $singleton }}
{{- else }}
{{- if not $hub.clusterManager.enabled }}{{ fail "fleetConfig.hub.clusterManager.enabled and fleetConfig.hub.singletonControlPlane.enabled are both false; a hub is one of the two" }}{{ end }}
{{- $manager := include "fleetconfig.compact" (omit $hub.clusterManager "enabled" "useBootstrapToken") | fromJson }}
{{- if $hub.clusterManager.useBootstrapToken }}{{ $_ := set $manager "useBootstrapToken" true }}{{ end }}
{{- with $manager.featureGates }}{{ $_ := set $manager "featureGates" (include "fleetconfig.gates" .) }}{{ end }}
{{- with $manager.resources }}{{ $_ := set $manager "resources" (include "fleetconfig.containerResources" . | fromJson) }}{{ end }}
{{- $_ := set $manager "source" (include "fleetconfig.source" (list $fleet.source $manager.source) | fromJson) }}
{{- $_ := set $out "clusterManager" $manager }}
{{- end }}
{{- toJson $out }}
{{- end }}

{{/* What stands at the top of a FleetConfig, and in a Hub. */}}
{{- define "fleetconfig.common" -}}
{{- $fleet := .Values.fleetConfig }}
{{- $out := dict "timeout" $fleet.timeout "logVerbosity" $fleet.logVerbosity "registrationAuth" (include "fleetconfig.compact" $fleet.registrationAuth | fromJson) }}
{{- $configs := list }}
{{- range include "fleetconfig.addOnConfigs" . | fromJsonArray }}{{ $configs = append $configs (omit . "manifests") }}{{ end }}
{{- with $configs }}{{ $_ := set $out "addOnConfigs" . }}{{ end }}
{{- with concat ($fleet.hubAddOns | default list) ($fleet.hub.hubAddOns | default list) }}{{ $_ := set $out "hubAddOns" . }}{{ end }}
{{- toJson $out }}
{{- end }}

{{/* 2025 had both lists one level higher. */}}
{{- define "fleetconfig.addOnConfigs" -}}
{{- $out := list }}
{{- range concat (.Values.fleetConfig.addOnConfigs | default list) (.Values.fleetConfig.hub.addOnConfigs | default list) }}
{{- $out = append $out (include "fleetconfig.compact" . | fromJson) }}
{{- end }}
{{- toJson $out }}
{{- end }}

{{/* A spoke, without its name and its hub. A dict with "root", "mode" and "spoke". */}}
{{- define "fleetconfig.spoke" -}}
{{- $root := .root }}
{{- $fleet := $root.Values.fleetConfig }}
{{- $spoke := .spoke }}
{{- $field := printf "fleetConfig.spokes, entry %q" $spoke.name }}
{{- $in := $spoke.klusterlet | default dict }}
{{- $cleanup := $spoke.cleanupConfig | default dict }}
{{- $out := include "fleetconfig.compact" (omit $spoke "name" "hubRef" "cleanupConfig" "kubeconfig" "klusterlet") | fromJson }}
{{- $_ := set $out "kubeconfig" (include "fleetconfig.kubeconfig" (dict "root" $root "mode" .mode "field" (printf "%s, kubeconfig" $field) "from" $spoke.kubeconfig) | fromJson) }}
{{- if and $root.Values.topologyResources.enabled $out.kubeconfig.inCluster $fleet.hub.kubeconfig.inCluster }}
{{- $_ := set $out "managedCluster" (mustMergeOverwrite (dict "labels" (dict "fleetconfig.open-cluster-management.io/managedClusterType" "hub-as-spoke")) (deepCopy ($out.managedCluster | default dict))) }}
{{- end }}
{{- $klusterlet := include "fleetconfig.compact" (omit $in "purgeOperator" "managedClusterKubeconfig" "annotations") | fromJson }}
{{- with $klusterlet.resources }}{{ $_ := set $klusterlet "resources" (include "fleetconfig.containerResources" . | fromJson) }}{{ end }}
{{- with default $fleet.spokeFeatureGates $klusterlet.featureGates }}{{ $_ := set $klusterlet "featureGates" (include "fleetconfig.gates" .) }}{{ end }}
{{- with mustMergeOverwrite (dict) ($fleet.spokeAnnotations | default dict) ($in.annotations | default dict) }}{{ $_ := set $klusterlet "annotations" . }}{{ end }}
{{- if and (eq (toString (get $root.Values "addonMode")) "false") (not $klusterlet.carrier) }}{{ $_ := set $klusterlet "carrier" "Kubeconfig" }}{{ end }}
{{- $managed := $in.managedClusterKubeconfig | default dict }}
{{- if or $managed.inCluster (($managed.secretReference | default dict).name) }}
{{- $_ := set $klusterlet "managedClusterKubeconfig" (include "fleetconfig.kubeconfig" (dict "root" $root "mode" .mode "field" (printf "%s, klusterlet.managedClusterKubeconfig" $field) "from" $managed) | fromJson) }}
{{- end }}
{{- $purge := get $cleanup "purgeKlusterletOperator" }}
{{- if hasKey $in "purgeOperator" }}
{{- if and (hasKey $cleanup "purgeKlusterletOperator") (ne $in.purgeOperator $purge) }}{{ fail (printf "%s: klusterlet.purgeOperator and cleanupConfig.purgeKlusterletOperator mean the same and differ; remove one" $field) }}{{ end }}
{{- $purge = $in.purgeOperator }}
{{- end }}
{{- $cleanup = omit $cleanup "purgeKlusterletOperator" }}
{{- if eq .mode "FleetConfig" }}
{{- if kindIs "bool" $purge }}{{ $_ := set $klusterlet "purgeOperator" $purge }}{{ end }}
{{- $_ := set $klusterlet "source" (include "fleetconfig.source" (list $fleet.source $fleet.hub.clusterManager.source $klusterlet.source) | fromJson) }}
{{- else }}
{{- if kindIs "bool" $purge }}{{ $_ := set $cleanup "purgeKlusterletOperator" $purge }}{{ end }}
{{- with $klusterlet.source }}{{ $_ := set $klusterlet "source" (include "fleetconfig.source" (list $fleet.source $fleet.hub.clusterManager.source .) | fromJson) }}{{ end }}
{{- end }}
{{- with $cleanup }}{{ $_ := set $out "cleanupConfig" . }}{{ end }}
{{- with $klusterlet }}{{ $_ := set $out "klusterlet" . }}{{ end }}
{{- toJson $out }}
{{- end }}

{{/* Metadata of an object of the fleet. With the marks of a release, so that upstream's chart could
     take it back, and without the label app.kubernetes.io/instance: Argo CD may know its own objects by
     that, and prunes those that it does not render. A dict with "root" and "name". */}}
{{- define "fleetconfig.metadata" -}}
{{- toJson (dict "name" .name "namespace" .root.Release.Namespace
  "labels" (dict "app.kubernetes.io/managed-by" "Helm" "app.kubernetes.io/part-of" .root.Chart.Name)
  "annotations" (dict "argocd.argoproj.io/sync-options" "Prune=false,Delete=false" "helm.sh/resource-policy" "keep" "meta.helm.sh/release-name" .root.Release.Name "meta.helm.sh/release-namespace" .root.Release.Namespace)) }}
{{- end }}

{{/* All objects of the fleet, as a JSON list. */}}
{{- define "fleetconfig.objects" -}}
{{- $root := . }}
{{- $fleet := .Values.fleetConfig }}
{{- $namespace := .Release.Namespace }}
{{- $mode := include "fleetconfig.mode" . }}
{{- $items := list }}
{{- $group := "fleetconfig.open-cluster-management.io" }}
{{- if eq $mode "FleetConfig" }}
{{- $spokes := list }}
{{- range $entry := $fleet.spokes }}
{{- $hub := $entry.hubRef | default dict }}
{{- if ne (default $fleet.hub.name $hub.name) $fleet.hub.name }}{{ fail (printf "fleetConfig.spokes, entry %q: hubRef.name is %q, but the FleetConfig has one hub, %q; remove hubRef, or set fleetConfig.kind: HubAndSpokes" $entry.name $hub.name $fleet.hub.name) }}{{ end }}
{{- if ne (default $namespace $hub.namespace) $namespace }}{{ fail (printf "fleetConfig.spokes, entry %q: hubRef.namespace is %q; the hub is in the namespace of the release, %q, as it is with upstream's chart, which ignores this value: remove it" $entry.name $hub.namespace $namespace) }}{{ end }}
{{- range $only := list "timeout" "logVerbosity" "managedClusterName" }}
{{- if hasKey $entry $only }}{{ fail (printf "fleetConfig.spokes, entry %q: %s is a field of a Spoke, and an entry of a FleetConfig has none; remove it, or set fleetConfig.kind: HubAndSpokes" $entry.name $only) }}{{ end }}
{{- end }}
{{- $spokes = append $spokes (set (include "fleetconfig.spoke" (dict "root" $root "mode" $mode "spoke" $entry) | fromJson) "name" $entry.name) }}
{{- end }}
{{- $spec := include "fleetconfig.common" . | fromJson }}
{{- $_ := set $spec "hub" (set (include "fleetconfig.hub" (dict "root" . "mode" $mode) | fromJson) "name" (include "fleetconfig.hubName" .)) }}
{{- $_ := set $spec "spokes" $spokes }}
{{- $items = append $items (dict "apiVersion" (printf "%s/v1alpha1" $group) "kind" "FleetConfig" "metadata" (include "fleetconfig.metadata" (dict "root" . "name" $fleet.name) | fromJson) "spec" $spec) }}
{{- else if eq $mode "HubAndSpokes" }}
{{- $spec := include "fleetconfig.common" . | fromJson }}
{{- range $key, $value := include "fleetconfig.hub" (dict "root" . "mode" $mode) | fromJson }}{{ $_ := set $spec $key $value }}{{ end }}
{{- $items = append $items (dict "apiVersion" (printf "%s/v1beta1" $group) "kind" "Hub" "metadata" (include "fleetconfig.metadata" (dict "root" . "name" $fleet.hub.name) | fromJson) "spec" $spec) }}
{{- range $fleet.spokes }}
{{- $hub := .hubRef | default dict }}
{{- if ne (default $namespace $hub.namespace) $namespace }}{{ fail (printf "fleetConfig.spokes, entry %q: hubRef.namespace is %q; the hub is in the namespace of the release, %q, as it is with upstream's chart, which ignores this value: remove it" .name $hub.namespace $namespace) }}{{ end }}
{{- $spec := include "fleetconfig.spoke" (dict "root" $root "mode" $mode "spoke" .) | fromJson }}
{{- $_ := set $spec "hubRef" (dict "name" (default $fleet.hub.name $hub.name) "namespace" $namespace) }}
{{- $items = append $items (dict "apiVersion" (printf "%s/v1beta1" $group) "kind" "Spoke" "metadata" (include "fleetconfig.metadata" (dict "root" $root "name" .name) | fromJson) "spec" $spec) }}
{{- end }}
{{- end }}
{{- toJson $items }}
{{- end }}
