{{/*
The Deployment of a role, and its PodDisruptionBudget:
(dict "root" $ "component" NAME "image" IMAGE "replicas" N "env" LIST "mounts" LIST
"volumes" LIST "ports" LIST "resources" MAP "grace" SECONDS "privileged" BOOL
"priority" BOOL "annotations" MAP "recreate" BOOL).
Liveness asks /healthz, which no state of Kafka changes; readiness asks /readyz.
*/}}
{{- define "belfry.role" -}}
{{- $root := .root }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "belfry.name" $root }}-{{ .component }}
  labels:
    {{- include "belfry.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  replicas: {{ .replicas }}
  minReadySeconds: 2
  revisionHistoryLimit: 5
  strategy:
    {{- if .recreate }}
    type: Recreate
    {{- else }}
    type: RollingUpdate
    rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
    {{- end }}
  selector:
    matchLabels:
      {{- include "belfry.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "belfry.labels" $root | nindent 8 }}
        app.kubernetes.io/component: {{ .component }}
      annotations:
        checksum/config: {{ .root.Values.kafka | toJson | sha256sum }}
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ .grace }}
      {{- if and .priority $root.Values.priorityClass.create }}
      priorityClassName: {{ include "belfry.name" $root }}-control
      {{- end }}
      {{- with $root.Values.image.pullSecrets }}
      imagePullSecrets:
        {{- range . }}
        - name: {{ . }}
        {{- end }}
      {{- end }}
      securityContext:
        {{- if .privileged }}
        runAsUser: 0
        {{- else }}
        {{- include "belfry.podSecurity" $root | nindent 8 }}
        {{- end }}
      topologySpreadConstraints:
        {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
        - maxSkew: 1
          topologyKey: {{ . }}
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{- include "belfry.selector" $ | nindent 14 }}
        {{- end }}
      containers:
        - name: belfry
          image: {{ include "belfry.image" . }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          securityContext:
            {{- if .privileged }}
            privileged: true
            {{- else }}
            {{- include "belfry.containerSecurity" $root | nindent 12 }}
            {{- end }}
          env:
            - name: BELFRY_NAME
              valueFrom: {fieldRef: {fieldPath: metadata.name}}
            - {name: BELFRY_CREATE_TOPICS, value: "false"}
            {{- include "belfry.kafkaEnv" $root | nindent 12 }}
            {{- toYaml .env | nindent 12 }}
          ports:
            - {name: metrics, containerPort: 9393}
            {{- with .ports }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          startupProbe:
            httpGet: {path: /healthz, port: metrics}
            periodSeconds: 2
            failureThreshold: 30
          livenessProbe:
            httpGet: {path: /healthz, port: metrics}
            periodSeconds: 10
            timeoutSeconds: 3
            failureThreshold: 3
          readinessProbe:
            httpGet: {path: /readyz, port: metrics}
            periodSeconds: 2
            timeoutSeconds: 2
          resources:
            {{- toYaml .resources | nindent 12 }}
          volumeMounts:
            {{- include "belfry.kafkaMounts" $root | nindent 12 }}
            {{- with .mounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
      volumes:
        {{- include "belfry.kafkaVolumes" $root | nindent 8 }}
        {{- with .volumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
{{- if gt (int .replicas) 1 }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "belfry.name" $root }}-{{ .component }}
  labels:
    {{- include "belfry.labels" $root | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "belfry.selector" . | nindent 6 }}
{{- end }}
{{- end }}
