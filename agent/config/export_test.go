// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

// LoadBundles is Load without the gate: what Load will be once bundles are run.
func LoadBundles(paths []string, o Overrides) (*Config, Problems) {
	return load(paths, o, func(*document, *Problems) {})
}
