package site

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// BinaryVariable names a belfry to use instead of building one.
const BinaryVariable = "BELFRY_TEST_BINARY"

// Binary returns the path of the belfry that BinaryVariable names, or of one
// built from this tree into dir.
func Binary(ctx context.Context, dir string) (string, error) {
	if path := os.Getenv(BinaryVariable); path != "" {
		return path, nil
	}
	path := filepath.Join(dir, "belfry")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/belfry-cron/belfry/cmd/belfry").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building belfry: %w\n%s", err, out)
	}
	return path, nil
}
