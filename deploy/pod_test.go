// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// pod is a pod as the kubelet runs it: containers that share processes, network
// and volumes, and nothing else.
type pod struct {
	*testing.T
	network
	spec    podSpec
	volumes map[string]string // where they are
	pause   *process          // the first process, which does nothing
	agent   *image
}

func newPod(t *testing.T, w *world, name string) *pod {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can start several containers in one network")
	}
	p := &pod{T: t, spec: readPod(t, name), volumes: map[string]string{}}
	p.pause = box{
		Root: t.TempDir(), Mounts: append(hostPrograms(), runtimeMounts()...), UID: 65535, Network: true,
		Args: []string{"/bin/sleep", "infinity"}, Env: []string{"PATH=/bin"},
	}.start(t)
	p.network = network{T: t, pid: p.pause.PID()}
	p.serve(w)
	for _, v := range p.spec.Volumes {
		p.volumes[v.Name] = p.makeVolume(v, w)
	}
	_, p.agent = assembleNamed(t, "Dockerfile", "certagent", w)
	return p
}

func (p *pod) makeVolume(v volume, w *world) string {
	p.Helper()
	dir := p.TempDir()
	switch {
	case v.ConfigMap != nil:
		for name, text := range configMap(p.T) {
			write(p.T, filepath.Join(dir, name), text)
		}
	case v.Projected != nil:
		path := filepath.Join(dir, v.Projected.Sources[0].ServiceAccountToken.Path)
		write(p.T, path, w.serviceAccountToken())
		p.own(path, p.spec.SecurityContext.RunAsUser, 0o600)
	case v.EmptyDir != nil:
		p.own(dir, 0, os.ModeSetgid|0o777)
	default:
		p.Fatalf("the kind of volume %s is not known here", v.Name)
	}
	return dir
}

// own gives a file an owner, the pod's fsGroup, and a mode.
func (p *pod) own(path string, uid int, mode os.FileMode) {
	p.Helper()
	if err := os.Chown(path, uid, p.spec.SecurityContext.FSGroup); err != nil {
		p.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		p.Fatal(err)
	}
}

// run starts a container: certagent's from its image, any other from programs of
// this machine.
func (p *pod) run(c podContainer, args []string) *process {
	p.Helper()
	var b box
	if strings.Contains(c.Image, "/certagent:") {
		b = p.agent.container(args...)
	} else {
		b = (&image{T: p.T, root: p.TempDir()}).container(args...)
		b.Mounts = append(hostPrograms(), b.Mounts...)
	}
	b.UID, b.Pod = p.spec.SecurityContext.RunAsUser, p.network.pid
	b.Env = append(b.Env, "VAULT_ADDR=http://127.0.0.1:8200")
	for _, m := range c.VolumeMounts {
		kind := "bind"
		if m.ReadOnly {
			kind = "bind-ro"
		}
		b.Mounts = append(b.Mounts, mount{Kind: kind, Source: p.volumes[m.Name], Target: m.MountPath})
	}
	return b.start(p.T)
}

func TestInitContainer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "1h")
	p := newPod(t, w, "init")
	agent := p.spec.InitContainers[0]
	p.run(agent, agent.Args).Ends(0)
	dir := filepath.Join(p.volumes["client"], "tls")
	if name := leafIn(t, filepath.Join(dir, "tls.crt")).Subject.CommonName; name != "job.example.test" {
		t.Errorf("the certificate is for %s", name)
	}
	// What the container named by the pod is told to read is there, for its user.
	for _, arg := range p.spec.Containers[0].Args {
		if path, ours := strings.CutPrefix(arg, agent.mountOf(t, "client")); ours {
			info, err := os.Stat(filepath.Join(p.volumes["client"], path))
			if err != nil {
				t.Fatal(err)
			}
			if uid := info.Sys().(*syscall.Stat_t).Uid; int(uid) != p.spec.SecurityContext.RunAsUser {
				t.Errorf("%s belongs to %d", arg, uid)
			}
		}
	}
}
