// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// What the injector adds to a pod, as its source has it (agent-inject/agent of
// hashicorp/vault-k8s): how the containers are started, where they may write, and
// what their configuration says.
const (
	injectedCommand = "echo ${VAULT_CONFIG?} | base64 -d > /home/vault/config.json && vault agent -config=/home/vault/config.json"
	injectedToken   = "/var/run/secrets/kubernetes.io/serviceaccount/token"
	annotation      = "vault.hashicorp.com/"
)

// injected is what the injector makes of the annotations of a pod.
func injected(annotations map[string]string, once bool) map[string]any {
	var templates []map[string]any
	for key, path := range annotations {
		name, isSecret := strings.CutPrefix(key, annotation+"agent-inject-secret-")
		if !isSecret {
			continue
		}
		contents := annotations[annotation+"agent-inject-template-"+name]
		if contents == "" {
			contents = `{{ with secret "` + path + `" }}{{ range $k, $v := .Data }}{{ $k }}: {{ $v }}` + "\n{{ end }}{{ end }}"
		}
		templates = append(templates, map[string]any{
			"destination": "/vault/secrets/" + name, "contents": contents, "left_delimiter": "{{", "right_delimiter": "}}",
			"perms": annotations[annotation+"agent-inject-perms-"+name],
		})
	}
	return map[string]any{
		"auto_auth": map[string]any{
			"method": map[string]any{
				"type": "kubernetes", "mount_path": "auth/kubernetes",
				"config": map[string]any{"role": annotations[annotation+"role"], "token_path": injectedToken},
			},
			"sink": []map[string]any{{"type": "file", "config": map[string]any{"path": "/home/vault/.vault-token"}}},
		},
		"exit_after_auth": once,
		"pid_file":        "/home/vault/.pid",
		"vault":           map[string]any{"address": "https://vault.example.test:8200"},
		"template":        templates,
		"template_config": map[string]any{"exit_on_retry_failure": true},
	}
}

// TestInjectorImage starts the image as the injector does: first as an init
// container, then beside the pod's own.
func TestInjectorImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "1h")
	_, i := assembleNamed(t, "Dockerfile", "injector", w)
	// The rest of busybox's image.
	for _, program := range []string{"sh", "base64"} {
		install(t, harness.Program(t, program), filepath.Join(i.root, "bin", program))
	}
	write(t, filepath.Join(i.root, injectedToken), w.serviceAccountToken())
	annotations := readManifest(t, "injector")[0].Spec.Template.Metadata.Annotations
	if image := annotations[annotation+"agent-image"]; !strings.Contains(image, "/certagent-injector:") {
		t.Errorf("the image is %s", image)
	}
	secrets := t.TempDir() // shared with the pod's containers
	if err := os.Chmod(secrets, 0o777); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(secrets, "tls.pem")

	i.injectedContainer(w, secrets, injected(annotations, true)).start(t).Ends(0)
	issued := harness.ReadFile(t, file)
	if leaf := leafIn(t, file); leaf.Subject.CommonName != "www.example.test" || strings.Count(issued, "BEGIN CERTIFICATE") != 2 || !strings.Contains(issued, "PRIVATE KEY") {
		t.Errorf("the file is for %s", leaf.Subject)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("the file's mode is %v: %v", info.Mode(), err)
	}

	p := i.injectedContainer(w, secrets, injected(annotations, false)).start(t)
	p.Says(logmsg.AllPublished)
	// What Vault Agent does not: the init container's certificate is kept.
	if n := w.Asked("", "/v1/pki/issue/"); n != 1 || harness.ReadFile(t, file) != issued {
		t.Errorf("%d certificates were issued", n)
	}
}

// injectedContainer is what the injector makes of an image, with agent-run-as-user
// of anybody.
func (i *image) injectedContainer(w *world, secrets string, config map[string]any) box {
	i.Helper()
	text, err := json.Marshal(config)
	if err != nil {
		i.Fatal(err)
	}
	b := i.container()
	b.Args = []string{"/bin/sh", "-ec", injectedCommand}
	b.Env = append(b.Env, "VAULT_CONFIG="+base64.StdEncoding.EncodeToString(text),
		"VAULT_LOG_LEVEL=info", "VAULT_LOG_FORMAT=standard", "NAMESPACE=default", "VAULT_ADDR="+w.URL)
	b.Mounts = slices.Concat(hostLibrariesOnly(), b.Mounts, []mount{
		{Kind: "tmpfs", Target: "/home/vault", Mode: "0777"},
		{Kind: "bind", Source: secrets, Target: "/vault/secrets"},
	})
	return b
}

// hostLibrariesOnly lets programs that were copied from this machine start.
func hostLibrariesOnly() []mount {
	return slices.DeleteFunc(hostPrograms(), func(m mount) bool { return !strings.HasPrefix(m.Target, "/lib") })
}

// README.md says that the token is not revoked, whatever the annotation says: the
// hook runs a command that certagent does not have.
func TestInjectorRevokesNothing(t *testing.T) {
	t.Parallel()
	_, i := assembleNamed(t, "Dockerfile", "injector", newWorld(t, "1h"))
	install(t, harness.Program(t, "sh"), filepath.Join(i.root, "bin/sh"))
	b := i.container()
	b.Args = []string{"/bin/sh", "-c", "/bin/vault token revoke -self"}
	b.Mounts = slices.Concat(hostLibrariesOnly(), b.Mounts)
	b.start(t).Ends(2)
}
