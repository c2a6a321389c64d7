// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/redact"
)

func TestToken(t *testing.T) {
	// Not parallel: the umask is the process's.
	defer syscall.Umask(syscall.Umask(0o027))
	path := filepath.Join(t.TempDir(), "token")
	for name, test := range map[string]struct {
		mode os.FileMode
		want uint32
	}{
		"default":                 {0, 0o640},
		"less the umask":          {0o666, 0o640},
		"asked for":               {0o400, 0o400},
		"not that of what exists": {0o600, 0o600},
	} {
		t.Run(name, func(t *testing.T) {
			token := Token{Path: path, Mode: test.mode, UID: -1, GID: -1}
			must(t, token.Write(t.Context(), redact.Bytes("before")))
			before := stat(t, path).Ino
			must(t, token.Write(t.Context(), redact.Bytes("hvs.x")))
			if got := read(t, path); got != "hvs.x" {
				t.Errorf("wrote %q", got)
			}
			if st := stat(t, path); st.Mode&0o7777 != test.want || st.Ino == before {
				t.Errorf("mode %o, want %o; inode %d, was %d", st.Mode, test.want, st.Ino, before)
			}
		})
	}
	if left := temps(t, filepath.Dir(path)); left != nil {
		t.Errorf("left %v", left)
	}
}

func TestTokenOwner(t *testing.T) {
	t.Parallel()
	needRoot(t)
	path := filepath.Join(t.TempDir(), "token")
	must(t, Token{Path: path, UID: 1234, GID: -1}.Write(t.Context(), redact.Bytes("x")))
	if st := stat(t, path); st.Uid != 1234 || int(st.Gid) != os.Getgid() {
		t.Errorf("owner %d:%d", st.Uid, st.Gid)
	}
}

// TestTokenRefuses: nothing is left behind, and no error contains the token.
func TestTokenRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		make func(t *testing.T, path string)
		want error
	}{
		"missing directory": {func(t *testing.T, path string) { must(t, os.Remove(filepath.Dir(path))) }, unix.ENOENT},
		"directory":         {func(t *testing.T, path string) { must(t, os.Mkdir(path, 0o700)) }, unix.EISDIR},
		"named pipe":        {func(t *testing.T, path string) { must(t, unix.Mkfifo(path, 0o600)) }, ErrNotRegular},
		"full file system": {func(t *testing.T, path string) {
			mount(t, "tmpfs", filepath.Dir(path), "tmpfs", 0, "size=4k")
		}, unix.ENOSPC},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			path := filepath.Join(root, "d", "token")
			must(t, os.Mkdir(filepath.Dir(path), 0o700))
			test.make(t, path)
			err := Token{Path: path, UID: -1, GID: -1}.Write(t.Context(), redact.Bytes(strings.Repeat("hvs.x", 2000)))
			wantError(t, err, test.want, filepath.Dir(path), "")
			if strings.Contains(err.Error(), "hvs.x") || temps(t, root) != nil {
				t.Errorf("error %q, left %v", err, temps(t, root))
			}
		})
	}
}
