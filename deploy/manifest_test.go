// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// object is what the tests look at in an object of a manifest.
type object struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string // of a ConfigMap
	Spec     struct {
		Selector struct{ MatchLabels map[string]string }
		Template struct {
			Metadata struct{ Labels, Annotations map[string]string }
			Spec     podSpec
		}
	}
}

type podSpec struct {
	ServiceAccountName           string
	AutomountServiceAccountToken *bool
	ShareProcessNamespace        bool
	SecurityContext              struct {
		RunAsNonRoot       bool
		RunAsUser, FSGroup int
		SeccompProfile     struct{ Type string }
	}
	InitContainers, Containers []podContainer
	Volumes                    []volume
}

type podContainer struct {
	Name, Image, RestartPolicy string
	Command, Args              []string
	SecurityContext            struct {
		AllowPrivilegeEscalation *bool
		ReadOnlyRootFilesystem   bool
		Capabilities             struct{ Drop []string }
	}
	StartupProbe *struct {
		Exec                                            struct{ Command []string }
		PeriodSeconds, TimeoutSeconds, FailureThreshold int
	}
	VolumeMounts []volumeMount
}

type volumeMount struct {
	Name, MountPath string
	ReadOnly        bool
}

type volume struct {
	Name      string
	ConfigMap *struct{ Name string }
	Projected *struct {
		Sources []struct {
			ServiceAccountToken struct{ Path, Audience string }
		}
	}
	EmptyDir *struct{ Medium string }
}

// readManifest returns the objects of a file of the directory kubernetes.
func readManifest(t *testing.T, name string) []object {
	t.Helper()
	var objects []object
	parse(t, "kubernetes", "kubernetes/"+name+".yaml", &objects)
	return objects
}

// readPod returns the pod of a manifest that has nothing else.
func readPod(t *testing.T, name string) podSpec {
	t.Helper()
	objects := readManifest(t, name)
	if len(objects) != 1 {
		t.Fatalf("%s has %d objects", name, len(objects))
	}
	return objects[0].Spec.Template.Spec
}

// configMap returns the data of config.yaml.
func configMap(t *testing.T) map[string]string {
	t.Helper()
	for _, o := range readManifest(t, "config") {
		if o.Kind == "ConfigMap" {
			return o.Data
		}
	}
	t.Fatal("config.yaml has no ConfigMap")
	return nil
}

// TestPodsAreLockedIn holds the pods to Kubernetes' restricted profile, and
// private keys to memory.
func TestPodsAreLockedIn(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"sidecar", "init"} {
		pod := readPod(t, name)
		if s := pod.SecurityContext; !s.RunAsNonRoot || s.RunAsUser == 0 || s.FSGroup == 0 || s.SeccompProfile.Type != "RuntimeDefault" {
			t.Errorf("%s: the pod runs as %+v", name, s)
		}
		if pod.ServiceAccountName != "web" || pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
			t.Errorf("%s: the service account is %s", name, pod.ServiceAccountName)
		}
		for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
			s := c.SecurityContext
			if s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || !s.ReadOnlyRootFilesystem || !slices.Equal(s.Capabilities.Drop, []string{"ALL"}) {
				t.Errorf("%s: %s runs with %+v", name, c.Name, s)
			}
			for _, m := range c.VolumeMounts {
				v := pod.volume(t, m.Name)
				if v.EmptyDir == nil && !m.ReadOnly {
					t.Errorf("%s: %s can write to %s", name, c.Name, m.MountPath)
				}
				if v.EmptyDir != nil && c.Name == "certagent" && v.EmptyDir.Medium != "Memory" {
					t.Errorf("%s: keys are on disk, in %s", name, m.MountPath)
				}
			}
		}
	}
}

func (p podSpec) volume(t *testing.T, name string) volume {
	t.Helper()
	i := slices.IndexFunc(p.Volumes, func(v volume) bool { return v.Name == name })
	if i < 0 {
		t.Fatalf("there is no volume %s", name)
	}
	return p.Volumes[i]
}

// The labels of a Deployment's pods are what it selects; Kubernetes refuses
// others.
func TestDeploymentsSelectTheirPods(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"sidecar", "injector"} {
		o := readManifest(t, name)[0]
		for key, value := range o.Spec.Selector.MatchLabels {
			if o.Kind != "Deployment" || o.Spec.Template.Metadata.Labels[key] != value {
				t.Errorf("%s: %s selects %s=%s", name, o.Kind, key, value)
			}
		}
	}
}

// TestConfigMap loads the configurations, and compares the paths in them with
// those that the pods mount.
func TestConfigMap(t *testing.T) {
	t.Parallel()
	data := configMap(t)
	for name, file := range map[string]string{"sidecar": "agent.hcl", "init": "init.hcl"} {
		pod := readPod(t, name)
		agent := pod.InitContainers[0]
		if want := "-config=" + agent.mountOf(t, "config") + "/" + file; agent.Args[len(agent.Args)-1] != want {
			t.Errorf("%s: the arguments are %q, want %s at the end", name, agent.Args, want)
		}
		path := t.TempDir() + "/" + file
		write(t, path, data[file])
		c := loadConfig(t, path, nil)
		token := pod.volume(t, "vault-token").Projected.Sources[0].ServiceAccountToken
		if got, want := c.AutoAuth.Method.Kubernetes.TokenPath, agent.mountOf(t, "vault-token")+"/"+token.Path; got != want || token.Audience != "vault" {
			t.Errorf("%s: the token is in %s, want %s", name, got, want)
		}
		shared := map[string]string{"sidecar": "web", "init": "client"}[name]
		for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
			if c.mountOf(t, shared) != agent.mountOf(t, shared) {
				t.Errorf("%s: %s has the files elsewhere", name, c.Name)
			}
		}
		for _, b := range c.Bundles {
			if !strings.HasPrefix(b.Directory, agent.mountOf(t, shared)+"/") {
				t.Errorf("%s: the files are in %s", name, b.Directory)
			}
		}
	}
}

// mountOf is where a container has a volume.
func (c podContainer) mountOf(t *testing.T, volume string) string {
	t.Helper()
	for _, m := range c.VolumeMounts {
		if m.Name == volume {
			return m.MountPath
		}
	}
	t.Fatalf("%s does not mount %s", c.Name, volume)
	return ""
}

// A native sidecar is an init container that goes on running; the others wait for
// its startup probe, which must end before it is ended.
func TestStartupProbe(t *testing.T) {
	t.Parallel()
	pod := readPod(t, "sidecar")
	agent := pod.InitContainers[0]
	if agent.RestartPolicy != "Always" || !pod.ShareProcessNamespace {
		t.Errorf("restartPolicy %q, shareProcessNamespace %v", agent.RestartPolicy, pod.ShareProcessNamespace)
	}
	probe := agent.StartupProbe
	if probe == nil {
		t.Fatal("there is none")
	}
	timeout, err := time.ParseDuration(strings.TrimPrefix(probe.Exec.Command[len(probe.Exec.Command)-1], "-timeout="))
	if err != nil || timeout >= time.Duration(probe.TimeoutSeconds)*time.Second {
		t.Errorf("it waits for %v of %d s: %v", timeout, probe.TimeoutSeconds, err)
	}
	if want := agent.Args[len(agent.Args)-1]; probe.Exec.Command[2] != want {
		t.Errorf("it waits for the files of %s, want %s", probe.Exec.Command[2], want)
	}
}
