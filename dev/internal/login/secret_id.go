// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package login

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/certagent/certagent/dev/internal/backend"
)

// secretID is a secret id of a role.
type secretID struct {
	id, accessor, role string
	created, expires   time.Time // zero expires: never
	ttl                backend.Seconds
	uses               int // remaining; 0: unlimited
	metadata           map[string]string
}

func (x *secretID) live(now time.Time) bool { return x.expires.IsZero() || now.Before(x.expires) }

// secretIDs contains the secret ids of all roles of a mount.
type secretIDs struct {
	mu   sync.Mutex
	byID map[string]*secretID // by role + "/" + id
}

// add stores a new secret id. It fails if the role already has it.
func (s *secretIDs) add(x secretID, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = make(map[string]*secretID)
	}
	for key, old := range s.byID {
		if !old.live(now) {
			delete(s.byID, key)
		}
	}
	key := x.role + "/" + x.id
	if s.byID[key] != nil {
		return false
	}
	s.byID[key] = &x
	return true
}

// use counts one use and returns the metadata of the secret id.
func (s *secretIDs) use(role, id string, now time.Time) (map[string]string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.byID[role+"/"+id]
	if x == nil || !x.live(now) {
		return nil, false
	}
	if x.uses == 1 {
		delete(s.byID, role+"/"+id)
	} else if x.uses > 1 {
		x.uses--
	}
	return x.metadata, true
}

// find returns a secret id of a role by the id or its accessor.
func (s *secretIDs) find(role, id, accessor string, now time.Time) (secretID, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.byID {
		if x.role == role && (id != "" && x.id == id || accessor != "" && x.accessor == accessor) && x.live(now) {
			return *x, true
		}
	}
	return secretID{}, false
}

func (s *secretIDs) accessors(role string, now time.Time) (list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.byID {
		if x.role == role && x.live(now) {
			list = append(list, x.accessor)
		}
	}
	return list
}

func (s *secretIDs) delete(x secretID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, x.role+"/"+x.id)
}

func (s *secretIDs) deleteRole(role string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, x := range s.byID {
		if x.role == role {
			delete(s.byID, key)
		}
	}
}

// newSecretID answers secret-id and custom-secret-id.
func (a *AppRole) newSecretID(r *backend.Request) (*backend.Response, error) {
	name := r.Params["name"]
	role := a.roles.get(name)
	if role == nil {
		return nil, errNoRole(name)
	}
	in := struct {
		SecretID string          `json:"secret_id"`
		TTL      backend.Seconds `json:"ttl"`
		NumUses  int             `json:"num_uses"`
	}{TTL: role.SecretIDTTL, NumUses: role.SecretIDNumUses}
	if err := r.Fields.Decode(&in); err != nil {
		return nil, err
	}
	if in.SecretID == "" {
		in.SecretID = backend.UUID()
	}
	x := secretID{id: in.SecretID, accessor: backend.UUID(), role: name, created: r.Now, ttl: in.TTL, uses: in.NumUses}
	if in.TTL > 0 {
		x.expires = r.Now.Add(time.Duration(in.TTL))
	}
	if text := r.Fields.String("metadata"); text != "" {
		if err := json.Unmarshal([]byte(text), &x.metadata); err != nil {
			return nil, backend.BadRequest("failed to parse metadata: %v", err)
		}
	}
	if !a.secrets.add(x, r.Now) {
		return nil, backend.BadRequest("SecretID is already registered")
	}
	return backend.Data(map[string]any{
		"secret_id": x.id, "secret_id_accessor": x.accessor, "secret_id_num_uses": x.uses, "secret_id_ttl": x.ttl,
	})
}

func (a *AppRole) listSecretIDs(r *backend.Request) (*backend.Response, error) {
	return backend.Keys(a.secrets.accessors(r.Params["name"], r.Now))
}

func (a *AppRole) lookupSecretID(r *backend.Request) (*backend.Response, error) {
	x, ok := a.secrets.find(r.Params["name"], r.Fields.String("secret_id"), r.Fields.String("secret_id_accessor"), r.Now)
	if !ok {
		return nil, nil
	}
	return backend.Data(map[string]any{
		"cidr_list": []string{}, "token_bound_cidrs": []string{}, "creation_time": x.created, "last_updated_time": x.created,
		"expiration_time": x.expires, "metadata": x.metadata, "secret_id_accessor": x.accessor,
		"secret_id_num_uses": x.uses, "secret_id_ttl": x.ttl,
	})
}

func (a *AppRole) destroySecretID(r *backend.Request) (*backend.Response, error) {
	x, ok := a.secrets.find(r.Params["name"], r.Fields.String("secret_id"), r.Fields.String("secret_id_accessor"), r.Now)
	if ok {
		a.secrets.delete(x)
	}
	return nil, nil
}
