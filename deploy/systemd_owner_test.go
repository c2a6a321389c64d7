// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/internal/harness"
)

// The capabilities of certagent-owner.service are enough to publish files of
// another user, to publish them again, and to mend them; each is needed.
func TestOwnerCapabilities(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give capabilities")
	}
	numbers := map[string]uintptr{
		"CAP_CHOWN": unix.CAP_CHOWN, "CAP_FOWNER": unix.CAP_FOWNER, "CAP_DAC_OVERRIDE": unix.CAP_DAC_OVERRIDE,
	}
	_, list, _ := strings.Cut(line(harness.ReadFile(t, "systemd/certagent-owner.service"), "AmbientCapabilities="), "=")
	names := strings.Fields(list)
	if len(names) != len(numbers) {
		t.Fatalf("the capabilities of the unit are %q", names)
	}
	w := newWorld(t, "1h")
	for _, without := range append(names, "nothing") {
		t.Run("without "+without, func(t *testing.T) {
			t.Parallel()
			o := newOwner(t, w)
			for _, name := range names {
				if name != without {
					o.capabilities = append(o.capabilities, numbers[name])
				}
			}
			err := o.life()
			if without == "nothing" && err != nil {
				t.Error(err)
			}
			if without != "nothing" && err == nil {
				t.Errorf("%s is not needed", without)
			}
		})
	}
}

// Two users of nobody's.
const certagentUser, postgresUser = 64201, 64202

// owner is certagent with the configuration of certagent-owner.service.
type owner struct {
	*testing.T
	dir          string // in the place of /var/lib/certagent-owner
	config       string
	env          []string
	capabilities []uintptr
}

func newOwner(t *testing.T, w *world) *owner {
	t.Helper()
	dir := t.TempDir()
	// The test's directories are root's alone.
	for at := dir; at != os.TempDir(); at = filepath.Dir(at) {
		if err := os.Chmod(at, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	state := filepath.Join(dir, "state")
	if err := errors.Join(os.Mkdir(state, 0o755), os.Chown(state, certagentUser, certagentUser)); err != nil {
		t.Fatal(err)
	}
	w.writeCredentials(dir)
	o := &owner{T: t, dir: state, config: filepath.Join(dir, "owner.hcl"), env: []string{
		"PATH=" + os.Getenv("PATH"), "VAULT_ADDR=" + w.URL, "CREDENTIALS_DIRECTORY=" + filepath.Join(dir, "credentials"),
	}}
	text := strings.NewReplacer(
		"/etc/certagent/vault-ca.crt", filepath.Join(dir, "vault-ca.crt"),
		"/var/lib/certagent-owner", state, "/run/certagent-owner", state,
		`"postgres"`+"\n", `"64202"`+"\n",
	).Replace(harness.ReadFile(t, "systemd/owner.hcl"))
	before, _, found := strings.Cut(text, "  verify {") // there is no server here
	if !found {
		t.Fatal("owner.hcl has no verify block")
	}
	write(t, o.config, before+"}\n")
	return o
}

// once publishes what is not published, mends what is not in order, and ends.
func (o *owner) once() error {
	cmd := exec.Command(harness.CertagentStatic(o.T), "agent", "-exit-after-auth", "-config="+o.config)
	cmd.Env = o.env
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential:  &syscall.Credential{Uid: certagentUser, Gid: certagentUser},
		AmbientCaps: o.capabilities,
	}
	p := start(o.T, cmd)
	harness.Eventually(o.T, "certagent ends, or fails for lack of a capability", func() bool {
		return !p.Running() || strings.Contains(p.String(), "not permitted") || strings.Contains(p.String(), "denied")
	})
	_ = cmd.Process.Kill() // it would try again for ever
	<-p.Ended()
	if !cmd.ProcessState.Success() {
		return errors.New(p.String())
	}
	return nil
}

// life is what happens to the files in the course of time.
func (o *owner) life() error {
	if err := o.publish(); err != nil {
		return err
	}
	key := filepath.Join(o.dir, "postgresql/server.key")
	issued := harness.ReadFile(o.T, key)
	if err := os.Chmod(key, 0o666); err != nil {
		o.Fatal(err)
	}
	if err := o.publish(); err != nil {
		return err
	}
	if harness.ReadFile(o.T, key) != issued {
		o.Error("a file with the wrong mode was issued anew")
	}
	if err := os.Remove(filepath.Join(o.dir, "postgresql/..data")); err != nil {
		o.Fatal(err)
	}
	return o.publish()
}

// publish runs certagent and says what is wrong with the files after it.
func (o *owner) publish() error {
	if err := o.once(); err != nil {
		return err
	}
	return filepath.WalkDir(filepath.Join(o.dir, "postgresql"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || strings.HasPrefix(d.Name(), ".") || d.Type() == fs.ModeSymlink {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := map[string]fs.FileMode{".key": 0o600, ".crt": 0o644}[filepath.Ext(path)]
		if uid := info.Sys().(*syscall.Stat_t).Uid; uid != postgresUser || !d.IsDir() && info.Mode() != want {
			o.Errorf("%s has owner %d and mode %v", path, uid, info.Mode())
		}
		return nil
	})
}
