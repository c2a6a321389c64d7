// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"crypto/x509"
	"maps"
	"path/filepath"
	"testing"
	"time"

	"github.com/certagent/certagent/dev/seed"
	"github.com/certagent/certagent/internal/harness"
)

// world is a server that has what the configurations of this directory ask for:
// three ways to log in, and the roles of a PKI.
type world struct {
	*harness.World
	role    seed.Credentials // of auth/approle
	nomad   *seed.Signer     // of auth/jwt-nomad
	cluster *seed.Signer     // of auth/kubernetes
}

// policy is what each of the READMEs asks for.
const policy = `
path "pki/sign/*" { capabilities = ["update"] }
path "pki/issue/*" { capabilities = ["update"] }
`

// newWorld makes one whose certificates live for ttl at most, whatever they are
// asked for.
func newWorld(t *testing.T, ttl string) *world {
	t.Helper()
	w := &world{World: harness.NewWorld(t, harness.ServerOptions{TLS: true})}
	role := seed.Params{"allow_any_name": true, "enforce_hostnames": false, "max_ttl": ttl}
	pki := seed.PKI{CommonName: "Test CA", Roles: map[string]seed.Params{"web": role, "database": role, "node": role}}
	_, err := pki.Apply(t.Context(), w.Client)
	w.Check(err)
	w.Check(seed.Policy(t.Context(), w.Client, "certagent", policy))
	policies := seed.Params{"token_policies": "certagent"}
	w.role, err = seed.AppRole{Role: "certagent", Params: policies}.Apply(t.Context(), w.Client)
	w.Check(err)
	w.seedNomad(nil)
	w.seedKubernetes()
	return w
}

// seedNomad makes the method and its role anew. More are parameters of the role.
func (w *world) seedNomad(more seed.Params) {
	w.Helper()
	params := seed.Params{
		"role_type": "jwt", "user_claim": "nomad_job_id", "bound_audiences": "vault.io",
		"bound_claims": seed.Params{"nomad_job_id": "web"}, "token_policies": "certagent",
	}
	maps.Copy(params, more)
	signer, err := seed.JWT{Mount: "jwt-nomad", Role: "certagent", Params: params}.Apply(w.Context(), w.Client)
	w.Check(err)
	w.nomad = signer
}

func (w *world) seedKubernetes() {
	w.Helper()
	w.Check(seed.Method(w.Context(), w.Client, "kubernetes", "kubernetes"))
	signer, public, err := seed.NewSigner()
	w.Check(err)
	w.cluster = signer
	for path, body := range map[string]seed.Params{
		"auth/kubernetes/config": {"kubernetes_host": "https://kubernetes.test", "pem_keys": []string{public}},
		"auth/kubernetes/role/certagent": {
			"bound_service_account_names": "web", "bound_service_account_namespaces": "default",
			"audience": "vault", "token_policies": "certagent",
		},
	} {
		_, err := w.Client.Logical().WriteWithContext(w.Context(), path, body)
		w.Check(err)
	}
}

// nomadToken is what Nomad writes for the identity of a task.
func (w *world) nomadToken() string {
	w.Helper()
	token, err := w.nomad.Sign(map[string]any{
		"aud": "vault.io", "sub": "global:default:web:web:nginx:certagent", "nomad_job_id": "web",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	})
	w.Check(err)
	return token
}

// serviceAccountToken is what the kubelet projects into a pod.
func (w *world) serviceAccountToken() string {
	w.Helper()
	token, err := w.cluster.Sign(map[string]any{
		"aud": []string{"vault"}, "sub": "system:serviceaccount:default:web",
		"kubernetes.io": map[string]any{"namespace": "default", "serviceaccount": map[string]any{"name": "web"}},
		"iat":           time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	})
	w.Check(err)
	return token
}

// writeCredentials writes those of the AppRole, and the server's CA, as the
// READMEs say.
func (w *world) writeCredentials(dir string) {
	w.Helper()
	write(w.T, filepath.Join(dir, "credentials/role_id"), w.role.RoleID)
	write(w.T, filepath.Join(dir, "credentials/secret_id"), string(w.role.SecretID))
	write(w.T, filepath.Join(dir, "vault-ca.crt"), string(w.CA))
}

// leafIn is the first certificate in a file.
func leafIn(t *testing.T, path string) *x509.Certificate {
	t.Helper()
	leaf := harness.Leaf([]byte(harness.ReadFile(t, path)))
	if leaf == nil {
		t.Fatalf("%s has no certificate", path)
	}
	return leaf
}
