// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import "cmp"

// merge merges the document of a later file into an earlier one, as Vault Agent
// does. A block of the later file replaces the whole block of the earlier one.
// Templates, bundles, listeners and exec blocks with labels add up. Switches
// stay on once set, and empty strings do not override.
func (d *document) merge(later *document) *document {
	merged := &document{
		vault:         or(later.vault, d.vault),
		autoAuth:      or(later.autoAuth, d.autoAuth),
		execs:         mergeExecs(d.execs, later.execs),
		cache:         or(later.cache, d.cache),
		apiProxy:      or(later.apiProxy, d.apiProxy),
		templates:     append(d.templates, later.templates...),
		envTemplates:  append(d.envTemplates, later.envTemplates...),
		bundles:       append(d.bundles, later.bundles...),
		listeners:     append(d.listeners, later.listeners...),
		log:           d.log.merge(later.log),
		pidFile:       cmp.Or(later.pidFile, d.pidFile),
		exitAfterAuth: d.exitAfterAuth || later.exitAfterAuth,
		subreaper:     d.subreaper || later.subreaper,
		stopTimeout:   cmp.Or(later.stopTimeout, d.stopTimeout),

		disableIdleConnections: union(d.disableIdleConnections, later.disableIdleConnections),
		disableKeepAlives:      union(d.disableKeepAlives, later.disableKeepAlives),
	}
	// An empty block does not reset an earlier one.
	merged.templateConfig = d.templateConfig
	if later.templateConfig != noTemplateConfig {
		merged.templateConfig = later.templateConfig
	}
	return merged
}

func or[T any](first, second *T) *T {
	if first != nil {
		return first
	}
	return second
}
