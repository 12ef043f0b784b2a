-- Of older tables alone.
-- In a class label, the `=` of a feature's own name is written `\=`, so that it is no answer's (evalstream.class_labels).
ALTER TABLE events
    UPDATE object_label = arrayMap((feature, label) -> if(label = feature OR startsWith(label, concat(feature, '=')),
        concat(replaceAll(replaceAll(feature, '\\', '\\\\'), '=', '\\='), substring(label, length(feature) + 1)), label),
        object_feature, object_label)
    WHERE arrayExists(feature -> position(feature, '=') > 0 OR position(feature, '\\') > 0, object_feature)
    SETTINGS mutations_sync = 2
