"""From live resources to a desired-state file: `plumbline import`.

finding     which resources there are, and what AWS says of each
drafting    one resource as a manifest: what fits the model, what is no secret
shortening  what need not be written, because it is so anyway
naming      names for manifests
linking     values that are another resource's output become references
writing     manifests as a file to read
importer    all of it, and the proof that the file plans empty
"""
