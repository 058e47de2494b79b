"""Files of data sets: listings, time order, manifests, MATLAB metadata, digests of contents, work ahead."""
