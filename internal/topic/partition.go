package topic

import "cmp"

// Partition returns the partition of key among n, as Kafka's own default
// partitioner does (murmur2, org.apache.kafka.common.utils.Utils), so that a
// client in any language reaches the same shard.
func Partition(key string, n int32) int32 {
	return int32(murmur2([]byte(key))&0x7fffffff) % n
}

// ControlPartition returns the partition of control, of which there are n,
// that the workers of a cluster read. What names no cluster is from a release
// that knew only one.
func ControlPartition(cluster string, n int32) int32 {
	return Partition(cmp.Or(cluster, DefaultCluster), n)
}

// murmur2 is the 32-bit MurmurHash2 with Kafka's seed.
func murmur2(data []byte) uint32 {
	const (
		seed uint32 = 0x9747b28c
		m    uint32 = 0x5bd1e995
		r           = 24
	)
	h := seed ^ uint32(len(data))
	for len(data) >= 4 {
		k := uint32(data[0]) | uint32(data[1])<<8 | uint32(data[2])<<16 | uint32(data[3])<<24
		data = data[4:]
		k *= m
		k ^= k >> r
		k *= m
		h *= m
		h ^= k
	}
	switch len(data) {
	case 3:
		h ^= uint32(data[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(data[1]) << 8
		fallthrough
	case 1:
		h ^= uint32(data[0])
		h *= m
	}
	h ^= h >> 13
	h *= m
	h ^= h >> 15
	return h
}
