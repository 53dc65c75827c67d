package kafka

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPlainIsNotSentToWhomABrokerNames: one on this host may advertise others.
func TestPlainIsNotSentToWhomABrokerNames(t *testing.T) {
	o := Options{Brokers: []string{"localhost:9092"}, SASL: SASL{Mechanism: "PLAIN", User: "bob", Password: "abc"}}
	require.NoError(t, o.Check())
	dial, err := o.dialer()
	require.NoError(t, err)
	_, err = dial(t.Context(), "tcp", "192.0.2.1:9092")
	require.ErrorContains(t, err, "would send the password readable to 192.0.2.1:9092")
}

// TestContradictionsOfSASL: none is resolved in silence.
func TestContradictionsOfSASL(t *testing.T) {
	for want, given := range map[string]SASL{
		"a SASL user is given but no mechanism":             {User: "bob"},
		"a SASL password is given but no mechanism":         {Password: "abc"},
		"a SASL password and a file with one are given":     {Mechanism: "PLAIN", User: "bob", Password: "abc", PasswordFile: "f"},
		"PLAIN without TLS would send the password readabl": {Mechanism: "PLAIN", User: "bob", Password: "abc"},
	} {
		require.ErrorContains(t, Options{Brokers: []string{"kafka:9092"}, SASL: given}.Check(), want)
	}
}
