"""What a trained model has to beat: methods of a minute on image features and TF-IDF.

Pure functions of arrays. A method's module has ``candidates``: everything that is fitted on the
train pairs, one embedder for each setting that val then decides between.
"""
