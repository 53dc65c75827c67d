{{/* Values that the schema allows and that cannot work together. */}}
{{- define "belfry.check" -}}
{{- if gt (int .Values.scheduler.replicas) (int .Values.topics.shards) }}
{{- fail (printf "scheduler.replicas is %d and topics.shards is %d: each shard has one scheduler, so the others would own nothing. Lower scheduler.replicas, or raise topics.shards before the topics are made." (int .Values.scheduler.replicas) (int .Values.topics.shards)) }}
{{- end }}
{{- if gt (int .Values.topics.replication) (int .Values.kafka.count) }}
{{- fail (printf "topics.replication is %d and kafka.count is %d: a topic cannot have more replicas than there are brokers. Lower topics.replication, or correct kafka.count." (int .Values.topics.replication) (int .Values.kafka.count)) }}
{{- end }}
{{- if lt (int .Values.terminationGraceSeconds) (add (int .Values.drainSeconds) 15 | int) }}
{{- fail (printf "terminationGraceSeconds is %d and drainSeconds is %d: Kubernetes would kill a worker whose runs may still go on. Set terminationGraceSeconds to %d or more." (int .Values.terminationGraceSeconds) (int .Values.drainSeconds) (add (int .Values.drainSeconds) 15)) }}
{{- end }}
{{- if not (hasKey .Values.pools .Values.test.pool) }}
{{- fail (printf "test.pool is %q, which is no pool: name one of %s." .Values.test.pool (keys .Values.pools | sortAlpha | join ", ")) }}
{{- end }}
{{- range $name, $pool := .Values.pools }}
{{- if gt (int $pool.replicas) (int $.Values.topics.partitions) }}
{{- fail (printf "pools.%s.replicas is %d and topics.partitions is %d: a worker without a partition runs nothing. Lower the replicas, or raise topics.partitions (belfry topics resize for topics that exist)." $name (int $pool.replicas) (int $.Values.topics.partitions)) }}
{{- end }}
{{- end }}
{{- if and (gt (int .Values.server.replicas) 1) (not .Values.server.sessionSecret) }}
{{- fail "server.replicas is above 1 and server.sessionSecret is empty: a session of one server would be unknown to the others. Name a Secret with the key session-key." }}
{{- end }}
{{- if and .Values.kafka.sasl.mechanism (not (and .Values.kafka.sasl.user .Values.kafka.sasl.existingSecret)) }}
{{- fail "kafka.sasl.mechanism is set: kafka.sasl.user and kafka.sasl.existingSecret (a Secret with the key password) are needed too." }}
{{- end }}
{{- if and (eq .Values.kafka.sasl.mechanism "PLAIN") (not .Values.kafka.tls.enabled) }}
{{- fail "kafka.sasl.mechanism is PLAIN without kafka.tls.enabled: the password would be readable on the way. Enable TLS, or use SCRAM-SHA-512." }}
{{- end }}
{{- if and .Values.kafka.tls.clientCertificate (not .Values.kafka.tls.existingSecret) }}
{{- fail "kafka.tls.clientCertificate needs kafka.tls.existingSecret: a Secret with tls.crt and tls.key." }}
{{- end }}
{{- end }}
