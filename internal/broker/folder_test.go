package broker

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const precious = "what must not change"

// preciousFile is a file outside the data folder.
func preciousFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "precious")
	require.NoError(t, os.WriteFile(path, []byte(precious), 0o644))
	return path
}

func requirePrecious(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, precious, string(content))
	require.Equal(t, os.FileMode(0o644), mode(t, path))
}

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Mode().Perm()
}

func TestNoLinkIsFollowed(t *testing.T) {
	for _, name := range []string{"LOCK", "secret", "kafka/belfry-transaction.journal", "kafka/topics.json", "kafka/pids.log"} {
		for kind, link := range map[string]func(string, string) error{"is a link": os.Symlink, "hard link": os.Link} {
			t.Run(name+" "+kind, func(t *testing.T) {
				dir, target := t.TempDir(), preciousFile(t)
				require.NoError(t, os.MkdirAll(filepath.Join(dir, "kafka"), 0o700))
				require.NoError(t, link(target, filepath.Join(dir, name)))
				_, err := Start(t.Context(), Options{Dir: dir})
				require.ErrorContains(t, err, filepath.Join(dir, name))
				require.ErrorContains(t, err, kind)
				requirePrecious(t, target)
			})
		}
	}
}

// Opening does not follow links even if nobody looked before.
func TestFilesAreOpenedWithoutFollowingLinks(t *testing.T) {
	dir, target := t.TempDir(), preciousFile(t)
	for _, name := range []string{"LOCK", "secret", "belfry-transaction.journal", "file.tmp", "log"} {
		require.NoError(t, os.Symlink(target, filepath.Join(dir, name)))
	}
	_, err := take(dir)
	require.ErrorContains(t, err, "is a link")
	_, err = openSecret(dir)
	require.ErrorContains(t, err, "is a link")
	_, err = openJournal(dir, false)
	require.ErrorIs(t, err, syscall.ELOOP)
	require.ErrorIs(t, replace(filepath.Join(dir, "file"), nil), syscall.ELOOP)
	require.ErrorIs(t, extend(filepath.Join(dir, "log"), []byte("x")), syscall.ELOOP)
	requirePrecious(t, target)
}

// A folder of an earlier Belfry, which everybody could read, is made private;
// what it holds stays.
func TestOlderFolderBecomesPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	b, err := Start(t.Context(), Options{Dir: dir})
	require.NoError(t, err)
	cl := client(t, b)
	create(t, cl, "x", 1, nil)
	produce(t, cl, "x", "a=1")
	require.NoError(t, b.Close())
	require.NoError(t, os.Remove(filepath.Join(dir, secretFile)))
	widen := func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		if info.IsDir() {
			return os.Chmod(path, 0o755)
		}
		return os.Chmod(path, 0o644)
	}
	require.NoError(t, filepath.Walk(dir, widen))

	b, err = Start(t.Context(), Options{Dir: dir})
	require.NoError(t, err)
	require.Equal(t, []string{"0:a=1"}, contents(t, b, "x"))
	secret := b.Secret()
	require.NoError(t, b.Close())
	require.Equal(t, os.FileMode(0o700), mode(t, dir))
	require.Equal(t, os.FileMode(0o600), mode(t, b.SecretFile()))
	require.Equal(t, os.FileMode(0o600), mode(t, filepath.Join(dir, "LOCK")))

	b = start(t, Options{Dir: dir})
	require.Equal(t, secret, b.Secret())
	require.Equal(t, []string{"0:a=1"}, contents(t, b, "x"))
}

func TestFolderThatOthersCouldWriteToIsRefused(t *testing.T) {
	for _, wide := range []os.FileMode{0o770, 0o777} {
		dir := t.TempDir()
		require.NoError(t, os.Chmod(dir, wide))
		start(t, Options{Dir: dir}) // nothing was in it
		require.Equal(t, os.FileMode(0o700), mode(t, dir))

		dir = t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "x"), nil, 0o600))
		require.NoError(t, os.Chmod(dir, wide))
		_, err := Start(t.Context(), Options{Dir: dir})
		require.ErrorContains(t, err, "others may write to the data folder "+dir)
	}
}

func TestFolderOfAnotherUserIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a folder away")
	}
	const other = 12345
	dir := t.TempDir()
	require.NoError(t, os.Chown(dir, other, other))
	_, err := Start(t.Context(), Options{Dir: dir})
	require.ErrorContains(t, err, dir+" belongs to the user with ID 12345, and this process runs as 0")

	link := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.Symlink(t.TempDir(), link))
	start(t, Options{Dir: link}) // a link of one's own may lead to a larger disk
	require.NoError(t, os.Lchown(link, other, other))
	_, err = Start(t.Context(), Options{Dir: link})
	require.ErrorContains(t, err, "is a link made by the user with ID 12345")

	dir = t.TempDir()
	planted := filepath.Join(dir, "kafka")
	require.NoError(t, os.Mkdir(planted, 0o755))
	require.NoError(t, os.Chown(planted, other, other))
	_, err = Start(t.Context(), Options{Dir: dir})
	require.ErrorContains(t, err, planted+" belongs to the user with ID 12345")
}

func TestSecretTooShortIsRefused(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, secretFile), []byte("admin\n"), 0o600))
	_, err := Start(t.Context(), Options{Dir: dir})
	require.ErrorContains(t, err, "less than 16 characters")
}

func TestSecretIsFoundByItsAddress(t *testing.T) {
	home := t.TempDir()
	folders := []string{filepath.Join(home, "file", "brokers"), filepath.Join(home, "tmp", "brokers")}
	require.NoError(t, os.WriteFile(filepath.Join(home, "file"), nil, 0o600)) // the first cannot be made
	secret := preciousFile(t)

	withdraw, err := Announce(folders, "127.0.0.1:9392", secret)
	require.NoError(t, err)
	for _, addr := range []string{"127.0.0.1:9392", "localhost:9392", "[::1]:9392"} {
		path, ok := SecretFile(folders, addr)
		require.True(t, ok, addr)
		require.Equal(t, secret, path, addr)
	}
	for _, addr := range []string{"127.0.0.1:9393", "kafka:9392", "10.0.0.1:9392", "nonsense"} {
		_, ok := SecretFile(folders, addr)
		require.False(t, ok, addr)
	}

	gone := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(gone, nil, 0o600))
	_, err = Announce(folders, "127.0.0.1:1", gone)
	require.NoError(t, err)
	require.NoError(t, os.Remove(gone))
	_, ok := SecretFile(folders, "127.0.0.1:1")
	require.False(t, ok)
	_, err = Announce(folders, "0.0.0.0:2", secret)
	require.NoError(t, err)
	entries, err := os.ReadDir(folders[1])
	require.NoError(t, err)
	require.Len(t, entries, 2, "the word of a broker whose folder is gone is cleared up")
	_, ok = SecretFile(folders, "localhost:2")
	require.True(t, ok, "who listens everywhere listens here")

	require.NoError(t, withdraw())
	_, ok = SecretFile(folders, "127.0.0.1:9392")
	require.False(t, ok)
}

// Somebody else could have left a word in a folder that is not the user's
// alone, and have the user's secret sent to where they like.
func TestWordOfOthersIsNotHeard(t *testing.T) {
	dir, secret := filepath.Join(t.TempDir(), "brokers"), preciousFile(t)
	_, err := Announce([]string{dir}, "127.0.0.1:1", secret)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o750))
	_, ok := SecretFile([]string{dir}, "127.0.0.1:1")
	require.False(t, ok)
	_, err = Announce([]string{dir}, "127.0.0.1:1", secret)
	require.ErrorContains(t, err, "mode 0700")

	link := filepath.Join(t.TempDir(), "brokers")
	require.NoError(t, os.Chmod(dir, 0o700))
	require.NoError(t, os.Symlink(dir, link))
	_, ok = SecretFile([]string{link}, "127.0.0.1:1")
	require.False(t, ok)
}
