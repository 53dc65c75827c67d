// Package kafkatest runs real Apache Kafka clusters as processes, for tests
// and for trying things by hand: Kafka 4 as three combined KRaft nodes, Kafka
// 3.9 as three brokers and three ZooKeepers. It needs Java 17 and, the first
// time, Maven, which fetches the pinned jars into libs/.
//
// It is used by tests and by the command in cluster/; nothing of Belfry's own
// may import it.
package kafkatest
