"""Messages of penstock/v1/feature_statistics.proto. Written by proto/generate.py; do not edit."""

from .pool import POOL as _POOL, message_class as _message_class

DESCRIPTOR = _POOL.AddSerializedFile(
    b'\n$penstock/v1/feature_statistics.proto\x12\x0bpenstock.v1'
    b'"}\n\x1bGetFeatureStatisticsRequest\x12\x1d\n\nmodel_name\x18\x01 \x01(\tR\tmodelName\x12#\n\rmodel_version\x18\x02 \x01(\tR\x0cmodelVersion\x12\x1a\n\x08features\x18\x03 \x03(\tR\x08features'
    b'"\xf7\x02\n\x1cGetFeatureStatisticsResponse\x12\x1d\n\nmodel_name\x18\x01 \x01(\tR\tmodelName\x12#\n\rmodel_version\x18\x02 \x01(\tR\x0cmodelVersion\x12!\n\x0csample_every\x18\x03 \x01(\rR\x0bsampleEvery\x12!\n\x0cdropped_rows\x18\x04 \x01(\x04R\x0bdroppedRows\x12:\n\nsince_load\x18\x05 \x01(\x0b2\x1b.penstock.v1.StatisticsSpanR\tsinceLoad\x123\n\x06window\x18\x06 \x01(\x0b2\x1b.penstock.v1.StatisticsSpanR\x06window\x12#\n\rbaseline_rows\x18\x07 \x01(\x04R\x0cbaselineRows\x127\n\x08features\x18\x08 \x03(\x0b2\x1b.penstock.v1.FeatureSummaryR\x08features'
    b'"a\n\x0eStatisticsSpan\x12\x18\n\x07seconds\x18\x01 \x01(\x01R\x07seconds\x12\x12\n\x04rows\x18\x02 \x01(\x04R\x04rows\x12!\n\x0csampled_rows\x18\x03 \x01(\x04R\x0bsampledRows'
    b'"\x9a\x02\n\x0eFeatureSummary\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x12\x12\n\x04type\x18\x02 \x01(\tR\x04type\x12:\n\nsince_load\x18\x03 \x01(\x0b2\x1b.penstock.v1.FeatureFiguresR\tsinceLoad\x123\n\x06window\x18\x04 \x01(\x0b2\x1b.penstock.v1.FeatureFiguresR\x06window\x127\n\x08baseline\x18\x05 \x01(\x0b2\x1b.penstock.v1.FeatureFiguresR\x08baseline\x126\n\x07refused\x18\x06 \x01(\x0b2\x1c.penstock.v1.FeatureRefusalsR\x07refused'
    b'"\x86\x06\n\x0eFeatureFigures\x12\x12\n\x04rows\x18\x01 \x01(\x04R\x04rows\x12!\n\x0cdefault_rows\x18\x02 \x01(\x04R\x0bdefaultRows\x12\x16\n\x06values\x18\x03 \x01(\x04R\x06values\x12%\n\x0eunknown_values\x18\x04 \x01(\x04R\runknownValues\x12-\n\x13out_of_range_values\x18\x05 \x01(\x04R\x10outOfRangeValues\x12%\n\x0eclipped_values\x18\x06 \x01(\x04R\rclippedValues\x12:\n\x19outside_boundaries_values\x18\x07 \x01(\x04R\x17outsideBoundariesValues\x126\n\x17outside_training_values\x18\x08 \x01(\x04R\x15outsideTrainingValues\x12*\n\x11not_finite_values\x18\t \x01(\x04R\x0fnotFiniteValues\x12#\n\rmissing_ratio\x18\n \x01(\x01R\x0cmissingRatio\x12#\n\rdefault_ratio\x18\x0b \x01(\x01R\x0cdefaultRatio\x12#\n\runknown_ratio\x18\x0c \x01(\x01R\x0cunknownRatio\x12+\n\x12out_of_range_ratio\x18\r \x01(\x01R\x0foutOfRangeRatio\x12\x1f\n\x0bmean_length\x18\x0e \x01(\x01R\nmeanLength\x12\x17\n\x04mean\x18\x0f \x01(\x01H\x00R\x04mean\x88\x01\x01\x12\x15\n\x03min\x18\x10 \x01(\x01H\x01R\x03min\x88\x01\x01\x12\x15\n\x03max\x18\x11 \x01(\x01H\x02R\x03max\x88\x01\x01\x12:\n\tquantiles\x18\x12 \x03(\x0b2\x1c.penstock.v1.FeatureQuantileR\tquantiles\x12/\n\x05drift\x18\x13 \x01(\x0b2\x19.penstock.v1.FeatureDriftR\x05driftB\x07\n\x05_meanB\x06\n\x04_minB\x06\n\x04_max'
    b'"I\n\x0fFeatureQuantile\x12 \n\x0bprobability\x18\x01 \x01(\x01R\x0bprobability\x12\x14\n\x05value\x18\x02 \x01(\x01R\x05value'
    b'"X\n\x0cFeatureDrift\x12\x10\n\x03psi\x18\x01 \x01(\x01R\x03psi\x12"\n\rpsi_by_chance\x18\x02 \x01(\x01R\x0bpsiByChance\x12\x12\n\x04rows\x18\x03 \x01(\x04R\x04rows'
    b'"u\n\x0fFeatureRefusals\x12\x18\n\x07missing\x18\x01 \x01(\x04R\x07missing\x12\x14\n\x05range\x18\x02 \x01(\x04R\x05range\x12\x1e\n\nvocabulary\x18\x03 \x01(\x04R\nvocabulary\x12\x12\n\x04form\x18\x04 \x01(\x04R\x04form'
    b'2\x80\x01\n\x11FeatureStatistics\x12k\n\x14GetFeatureStatistics\x12(.penstock.v1.GetFeatureStatisticsRequest\x1a).penstock.v1.GetFeatureStatisticsResponse'
    b'B?\n\x0bpenstock.v1B\x16FeatureStatisticsProtoP\x01Z\x16penstock/v1;penstockv1b\x06proto3'
)

GetFeatureStatisticsRequest = _message_class(DESCRIPTOR.message_types_by_name["GetFeatureStatisticsRequest"], __name__)
GetFeatureStatisticsResponse = _message_class(DESCRIPTOR.message_types_by_name["GetFeatureStatisticsResponse"], __name__)
StatisticsSpan = _message_class(DESCRIPTOR.message_types_by_name["StatisticsSpan"], __name__)
FeatureSummary = _message_class(DESCRIPTOR.message_types_by_name["FeatureSummary"], __name__)
FeatureFigures = _message_class(DESCRIPTOR.message_types_by_name["FeatureFigures"], __name__)
FeatureQuantile = _message_class(DESCRIPTOR.message_types_by_name["FeatureQuantile"], __name__)
FeatureDrift = _message_class(DESCRIPTOR.message_types_by_name["FeatureDrift"], __name__)
FeatureRefusals = _message_class(DESCRIPTOR.message_types_by_name["FeatureRefusals"], __name__)
