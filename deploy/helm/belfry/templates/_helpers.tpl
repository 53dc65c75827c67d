{{- define "belfry.name" -}}{{ printf "%s-%s" .Release.Name .Chart.Name | trimSuffix "-belfry" | trunc 40 | trimSuffix "-" }}{{- end }}

{{- define "belfry.labels" -}}
app.kubernetes.io/name: belfry
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* What tells the pods of one role: (dict "root" $ "component" NAME). */}}
{{- define "belfry.selector" -}}
app.kubernetes.io/name: belfry
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "belfry.image" -}}
{{ printf "%s/%s:%s" .root.Values.image.registry .image (.root.Values.image.tag | default .root.Chart.AppVersion) }}
{{- end }}

{{/* How to reach Kafka, for every container. */}}
{{- define "belfry.kafkaEnv" -}}
- {name: BELFRY_BROKERS, value: {{ .Values.kafka.brokers | quote }}}
- {name: BELFRY_PREFIX, value: {{ .Values.kafka.prefix | quote }}}
{{- with .Values.kafka.tls }}
{{- if .enabled }}
- {name: BELFRY_TLS, value: "true"}
{{- if .existingSecret }}
- {name: BELFRY_TLS_CA, value: /etc/belfry/tls/ca.crt}
{{- if .clientCertificate }}
- {name: BELFRY_TLS_CERT, value: /etc/belfry/tls/tls.crt}
- {name: BELFRY_TLS_KEY, value: /etc/belfry/tls/tls.key}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.kafka.sasl }}
{{- if .mechanism }}
- {name: BELFRY_SASL_MECHANISM, value: {{ .mechanism }}}
- {name: BELFRY_SASL_USER, value: {{ .user | quote }}}
- {name: BELFRY_SASL_PASSWORD_FILE, value: /etc/belfry/sasl/password}
{{- end }}
{{- end }}
{{- end }}

{{- define "belfry.kafkaMounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if and .Values.kafka.tls.enabled .Values.kafka.tls.existingSecret }}
- {name: kafka-tls, mountPath: /etc/belfry/tls, readOnly: true}
{{- end }}
{{- if .Values.kafka.sasl.mechanism }}
- {name: kafka-sasl, mountPath: /etc/belfry/sasl, readOnly: true}
{{- end }}
{{- end }}

{{- define "belfry.kafkaVolumes" -}}
- {name: tmp, emptyDir: {sizeLimit: 64Mi}}
{{- if and .Values.kafka.tls.enabled .Values.kafka.tls.existingSecret }}
- {name: kafka-tls, secret: {secretName: {{ .Values.kafka.tls.existingSecret }}, defaultMode: 0440}}
{{- end }}
{{- if .Values.kafka.sasl.mechanism }}
- {name: kafka-sasl, secret: {secretName: {{ .Values.kafka.sasl.existingSecret }}, defaultMode: 0440}}
{{- end }}
{{- end }}

{{/* The restricted standard for pods and containers. */}}
{{- define "belfry.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}
{{- define "belfry.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
