package exec

import (
	"os/user"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// A switched user keeps all groups it is in, not just the first.
func TestCredential(t *testing.T) {
	me, err := user.Current()
	require.NoError(t, err)
	groups, err := me.GroupIds()
	require.NoError(t, err)
	c, err := credentialOf(me)
	require.NoError(t, err)
	require.Equal(t, me.Uid, strconv.Itoa(int(c.Uid)))
	require.Equal(t, me.Gid, strconv.Itoa(int(c.Gid)))
	var got []string
	for _, g := range c.Groups {
		got = append(got, strconv.Itoa(int(g)))
	}
	require.NotEmpty(t, got)
	require.Equal(t, groups, got)

	_, err = credentialOf(&user.User{Uid: "S-1-5", Gid: "0"})
	require.ErrorContains(t, err, `"S-1-5"`)
}
